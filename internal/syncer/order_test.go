package syncer_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

func TestWaitingMessageIsReplacedByANewerOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	b.registry.script(g.pass)
	r := b.start(setup{concurrency: 1})
	b.put("busy", "A")
	<-g.inside // the only worker is busy
	b.put("a", "1")
	b.put("a", "2")
	last := b.put("a", "3")
	eventually(t, "the older ones to be done", func() bool { return r.outcome("superseded") == 2 })
	eventually(t, "them to be acknowledged", func() bool { return b.backlog().AckPending == 2 })
	g.open()
	b.idle()
	if diff := cmp.Diff([]call{{"a", "3", false}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := b.state("a").Sequence; got != last.Sequence {
		t.Errorf("sequence %d, want %d", got, last.Sequence)
	}
}

// handed is a flow of deliveries that the test makes, to bring them in an order that a server brings them in seldom.
type handed struct {
	flow   chan event.Delivery
	mu     sync.Mutex
	answer map[int]string // by the number of the delivery
	closed bool
}

func newHanded() *handed {
	return &handed{flow: make(chan event.Delivery), answer: make(map[int]string)}
}

func (h *handed) Open(context.Context, int) error { return nil }

func (h *handed) Next(ctx context.Context) (event.Delivery, error) {
	select {
	case d := <-h.flow:
		return d, nil
	case <-ctx.Done():
		return event.Delivery{}, ctx.Err()
	}
}

func (h *handed) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// give hands out the event as the delivery of that number.
func (h *handed) give(number int, e event.Event) {
	note := func(what string) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answer[number] = what
		return nil
	}
	h.flow <- event.Delivery{
		Event: e, Attempt: 1,
		Ack:      func() error { return note("ack") },
		Drop:     func(string) error { return note("drop") },
		Progress: func() error { return nil },
		Retry:    func(delay time.Duration) error { return note("retry") },
	}
}

func (h *handed) answers() map[int]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.answer)
}

func byHand(h *handed) setup {
	return setup{concurrency: 1, wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Deliveries = h
		return p
	}}
}

func TestOlderRedeliveryNeverReplacesTheNewer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	b.registry.script(g.pass)
	h := newHanded()
	b.start(byHand(h))
	busy, first, second := b.put("busy", "A"), b.put("a", "1"), b.put("a", "2")
	h.give(1, busy)
	<-g.inside
	h.give(2, second)
	h.give(3, first) // comes again while the newer one waits
	eventually(t, "the older one to be acknowledged", func() bool { return h.answers()[3] == "ack" })
	if got := h.answers()[2]; got != "" {
		t.Errorf("the newer one was answered with %q", got)
	}
	g.open()
	eventually(t, "the newer one to be applied", func() bool { return h.answers()[2] == "ack" })
	h.give(4, first) // and once more after it was applied
	eventually(t, "it to be acknowledged", func() bool { return h.answers()[4] == "ack" })
	if diff := cmp.Diff([]call{{"a", "2", false}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A message comes twice while it waits, as after a late heartbeat. The broker ends both deliveries with the first
// acknowledgement, so none may be given before the outcome is stored.
func TestMessageThatComesTwiceIsAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	b.registry.script(g.pass)
	h := newHanded()
	b.start(byHand(h))
	busy, a, other := b.put("busy", "A"), b.put("a", "1"), b.put("b", "1")
	h.give(1, busy)
	<-g.inside
	h.give(2, a)
	h.give(3, a)
	h.give(4, other) // once this one is taken, the third has been looked at
	if diff := cmp.Diff(map[int]string{}, h.answers()); diff != "" {
		t.Errorf("answers before anything was applied (-want +got):\n%s", diff)
	}
	g.open()
	eventually(t, "all to be done", func() bool { return len(h.answers()) == 3 })
	if diff := cmp.Diff(map[int]string{1: "ack", 3: "ack", 4: "ack"}, h.answers()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]call{{"a", "1", false}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A replica that was applying the newest state again after a race ended in the middle. The message that it held is
// older than what is recorded, and yet the only one that leads back to the key.
func TestRaceThatWasNotSettledIsTakenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := newHanded()
	r := b.start(byHand(h))
	first, second := b.put("a", "1"), b.put("a", "2")
	h.give(1, second)
	eventually(t, "the newer one to be applied", func() bool { return h.answers()[1] == "ack" })
	state := b.state("a")
	state.Intent = second.Sequence
	if _, err := b.states.Save(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	h.give(2, first)
	eventually(t, "the message to be done", func() bool { return h.answers()[2] == "ack" })
	if diff := cmp.Diff([]call{{"a", "2", false}, {"a", "2", true}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := b.state("a"); got.Intent != 0 || got.Sequence != second.Sequence {
		t.Errorf("state %+v", got)
	}
	if got := r.races(); got != 0 {
		t.Errorf("%d races counted: it was counted where it was noticed", got)
	}
}

// An older message may be skipped while a newer one's writing is unfinished: that one comes again.
func TestOlderThanAnIntentIsSkipped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := newHanded()
	b.start(byHand(h))
	first, second := b.put("a", "1"), b.put("a", "2")
	if _, err := b.states.Save(t.Context(), target.State{Key: key("a"), Intent: second.Sequence}); err != nil {
		t.Fatal(err)
	}
	h.give(1, first)
	eventually(t, "the older one to be acknowledged", func() bool { return h.answers()[1] == "ack" })
	if got := b.registry.got(); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
	h.give(2, second)
	eventually(t, "the newer one to be applied", func() bool { return h.answers()[2] == "ack" })
	if diff := cmp.Diff([]call{{"a", "2", true}}, b.registry.got()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Workers that have no room yet leave what waits in the queue, where a newer message replaces it.
func TestSyncer_WorkersWithoutRoomTakeNothing(t *testing.T) {
	t.Parallel()
	const room = 4 // of a limiter that has learned nothing yet
	b := newBench(t)
	g := newGate()
	b.registry.script(g.pass)
	r := b.start(setup{concurrency: 4 * room})
	for i := range room {
		b.put(fmt.Sprint("busy-", i), "A")
	}
	for range room {
		<-g.inside
	}
	for _, content := range []string{"1", "2", "3"} {
		for i := range room {
			b.put(fmt.Sprint("waits-", i), content)
		}
	}
	eventually(t, "the older ones to be replaced", func() bool { return r.outcome("superseded") >= 2*room-2 })
	g.open()
	b.idle()
	older := 0
	for i := range room {
		older += len(b.registry.got(fmt.Sprint("waits-", i))) - 1
	}
	if older > 2 { // of the component that the next worker had taken
		t.Errorf("%d older versions were applied", older)
	}
}
