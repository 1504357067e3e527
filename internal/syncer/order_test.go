package syncer_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestOrder_WaitingMessageIsReplaced(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	r := b.Start(syncertest.Setup{Concurrency: 1})
	b.Put("busy", "A")
	<-g.Inside // the only worker is busy
	b.Put("a", "1")
	b.Put("a", "2")
	last := b.Put("a", "3")
	syncertest.Eventually(t, "the older ones to be done", func() bool { return r.Outcome("superseded") == 2 })
	syncertest.Eventually(t, "them to be acknowledged", func() bool { return b.Backlog().AckPending == 2 })
	g.Open()
	b.Idle()
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "3", false}}, b.Registry.Calls("a"))
	testcheck.Equal(t, "sequence", last.Sequence, b.State("a").Sequence)
}

// manualDeliveries delivers messages in the order of the test, also one that is rare with a server.
type manualDeliveries struct {
	flow   chan event.Delivery
	mu     sync.Mutex
	answer map[int]string // by the number of the delivery
	closed bool
}

func newManualDeliveries() *manualDeliveries {
	return &manualDeliveries{flow: make(chan event.Delivery), answer: make(map[int]string)}
}

func (h *manualDeliveries) Open(context.Context, int) error { return nil }

func (h *manualDeliveries) Next(ctx context.Context) (event.Delivery, error) {
	select {
	case d := <-h.flow:
		return d, nil
	case <-ctx.Done():
		return event.Delivery{}, ctx.Err()
	}
}

func (h *manualDeliveries) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// give delivers the event as the delivery of that number.
func (h *manualDeliveries) give(number int, e event.Event) {
	record := func(what string) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answer[number] = what
		return nil
	}
	h.flow <- event.Delivery{
		Event: e, Attempt: 1,
		Ack:      func() error { return record("ack") },
		Drop:     func(string) error { return record("drop") },
		Progress: func() error { return nil },
		Retry:    func(delay time.Duration) error { return record("retry") },
	}
}

func (h *manualDeliveries) answers() map[int]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.answer)
}

func byHand(h *manualDeliveries) syncertest.Setup {
	return syncertest.Setup{Concurrency: 1, Wrap: func(p *syncer.Dependencies) {
		p.Deliveries = h
	}}
}

func TestOrder_OlderRedeliveryNeverReplaces(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	h := newManualDeliveries()
	b.Start(byHand(h))
	busy, first, second := b.Put("busy", "A"), b.Put("a", "1"), b.Put("a", "2")
	h.give(1, busy)
	<-g.Inside
	h.give(2, second)
	h.give(3, first) // redelivered while the newer one waits
	syncertest.Eventually(t, "the older one to be acknowledged", func() bool { return h.answers()[3] == "ack" })
	testcheck.Equal(t, "answer to the newer one", "", h.answers()[2])
	g.Open()
	syncertest.Eventually(t, "the newer one to be applied", func() bool { return h.answers()[2] == "ack" })
	h.give(4, first) // and once more after it was applied
	syncertest.Eventually(t, "it to be acknowledged", func() bool { return h.answers()[4] == "ack" })
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "2", false}}, b.Registry.Calls("a"))
}

// A message is delivered twice while it waits, as after a late heartbeat. The first acknowledgement ends both deliveries, so
// there must be none before the outcome is stored.
func TestOrder_DuplicateIsAcknowledgedOnce(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	h := newManualDeliveries()
	b.Start(byHand(h))
	busy, a, other := b.Put("busy", "A"), b.Put("a", "1"), b.Put("b", "1")
	h.give(1, busy)
	<-g.Inside
	h.give(2, a)
	h.give(3, a)
	h.give(4, other) // once this one is taken, the third has been looked at
	testcheck.Equal(t, "answers before anything was applied", map[int]string{}, h.answers())
	g.Open()
	syncertest.Eventually(t, "all to be done", func() bool { return len(h.answers()) == 3 })
	testcheck.Equal(t, "answers", map[int]string{1: "ack", 3: "ack", 4: "ack"}, h.answers())
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "1", false}}, b.Registry.Calls("a"))
}

// A replica ended while it repeated an apply after a conflict. Its message is older than the state, and yet the only one
// that leads back to the key.
func TestOrder_OlderMessageResumesAConflict(t *testing.T) {
	b := syncertest.NewParallel(t)
	h := newManualDeliveries()
	r := b.Start(byHand(h))
	first, second := b.Put("a", "1"), b.Put("a", "2")
	h.give(1, second)
	syncertest.Eventually(t, "the newer one to be applied", func() bool { return h.answers()[1] == "ack" })
	state := b.State("a")
	state.Intent = second.Sequence
	b.SetState(state)
	h.give(2, first)
	syncertest.Eventually(t, "the message to be done", func() bool { return h.answers()[2] == "ack" })
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "2", false}, {"a", "2", true}}, b.Registry.Calls("a"))
	if got := b.State("a"); got.Intent != 0 || got.Sequence != second.Sequence {
		t.Errorf("state %+v", got)
	}
	testcheck.Equal(t, "conflicts counted, beside that of the other replica", 0, r.Conflicts())
}

// An older message may be skipped while the apply of a newer one is unfinished: that one is redelivered.
func TestOrder_OlderThanAnIntentIsSkipped(t *testing.T) {
	b := syncertest.NewParallel(t)
	h := newManualDeliveries()
	b.Start(byHand(h))
	first, second := b.Put("a", "1"), b.Put("a", "2")
	b.SetState(target.State{Key: syncertest.Key("a"), Intent: second.Sequence})
	h.give(1, first)
	syncertest.Eventually(t, "the older one to be acknowledged", func() bool { return h.answers()[1] == "ack" })
	testcheck.Empty(t, "calls", b.Registry.Calls())
	h.give(2, second)
	syncertest.Eventually(t, "the newer one to be applied", func() bool { return h.answers()[2] == "ack" })
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "2", true}}, b.Registry.Calls())
}

// Workers without a slot leave messages in the queue, where newer ones replace them.
func TestOrder_WorkersWithoutASlotTakeNothing(t *testing.T) {
	const slots = 4 // the initial limit
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	r := b.Start(syncertest.Setup{Concurrency: 4 * slots})
	for i := range slots {
		b.Put(fmt.Sprint("busy-", i), "A")
	}
	for range slots {
		<-g.Inside
	}
	for _, content := range []string{"1", "2", "3"} {
		for i := range slots {
			b.Put(fmt.Sprint("waits-", i), content)
		}
	}
	syncertest.Eventually(t, "the older ones to be replaced", func() bool { return r.Outcome("superseded") >= 2*slots-2 })
	g.Open()
	b.Idle()
	older := 0
	for i := range slots {
		older += len(b.Registry.Calls(fmt.Sprint("waits-", i))) - 1
	}
	if older > 2 { // of the one that the next worker had taken
		t.Errorf("%d older versions were applied", older)
	}
}

// A late message is skipped for a newer one, also if no two versions wait in the replica.
func TestApply_SkipsLateMessages(t *testing.T) {
	const versions = 20
	b := syncertest.NewParallel(t)
	h := newManualDeliveries()
	r := b.Start(byHand(h))
	long := time.Now().Add(-time.Minute)
	var events []event.Event
	for version := range versions {
		events = append(events, b.PutAt("a", fmt.Sprint(version), long))
	}
	for number, e := range events { // one after the other
		h.give(number, e)
		syncertest.Eventually(t, "the message to be done", func() bool { return h.answers()[number] == "ack" })
	}
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", fmt.Sprint(versions - 1), false}}, b.Registry.Calls("a"))
	testcheck.Equal(t, "superseded", versions-1, r.Outcome("superseded"))
	if got := b.State("a"); got.Sequence != events[versions-1].Sequence || got.Intent != 0 {
		t.Errorf("state %+v", got)
	}
}
