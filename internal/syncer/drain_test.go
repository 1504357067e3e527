package syncer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/stream"
)

func TestStopFinishesWhatRunsAndHandsTheRestBack(t *testing.T) {
	t.Parallel()
	const waiting = 20 // more than the lanes hold: some wait on the server
	b := newBench(t)
	g := newGate()
	b.registry.script(func(ctx context.Context, c call) error {
		if c.Name == "running" {
			return g.pass(ctx, c)
		}
		return nil
	})
	stopping := b.start(setup{concurrency: 1})
	b.put("running", "A")
	<-g.inside
	for i := range waiting {
		b.put(fmt.Sprintf("w%d", i), "A")
	}
	// One runs, four wait in the lanes, one before them.
	eventually(t, "the lanes to be full", func() bool { return b.backlog().AckPending >= 6 })
	began := time.Now()
	stopping.stop()
	b.start(setup{concurrency: 4})
	eventually(t, "the other replica to take what waited", func() bool { return len(b.registry.got()) == 1+waiting })
	if took := time.Since(began); took > stream.AckWait/2 { // sooner than the broker would have noticed by itself
		t.Errorf("what was handed back came after %s", took)
	}
	select {
	case <-stopping.done:
		t.Fatal("Run returned with an apply under way")
	default:
	}
	g.open()
	if err := stopping.ended(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	b.idle()
	if got := stopping.outcome("applied"); got != 1 {
		t.Errorf("the stopped replica applied %d", got)
	}
	if diff := cmp.Diff([]call{{"running", "A", false}}, b.registry.got("running")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestGraceCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	defer g.open()
	b.registry.script(g.pass)
	stuck := b.start(setup{grace: 50 * time.Millisecond})
	e := b.put("a", "A")
	<-g.inside
	began := time.Now()
	if err := stuck.end(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if got := b.state("a"); got.Intent != e.Sequence {
		t.Errorf("state %+v, want the intent", got)
	}
	if err := stuck.syncer.Check(); err != nil {
		t.Errorf("a request that was cut off tells that the registry is not well: %v", err)
	}
	b.registry.script(func(context.Context, call) error { return nil })
	b.start(setup{})
	b.idle()
	if took := time.Since(began); took > stream.AckWait {
		t.Errorf("the message came again after %s", took)
	}
	if diff := cmp.Diff([]call{{"a", "A", false}, {"a", "A", true}}, b.registry.got()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestStopWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	defer g.open()
	b.registry.script(g.pass)
	r := b.start(setup{grace: 50 * time.Millisecond})
	b.put("a", "A")
	<-g.inside
	b.server.Shutdown()
	began := time.Now()
	_ = r.end()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the stop took %s", took)
	}
	b.server.Restart(t)
}

func TestServerAwayForAWhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	b.registry.script(func(ctx context.Context, c call) error {
		if c.Content == "2" {
			return g.pass(ctx, c)
		}
		return nil
	})
	r := b.start(setup{concurrency: 4})
	b.put("a", "1")
	b.idle()
	b.put("a", "2")
	<-g.inside
	b.server.Shutdown()
	g.open()
	eventually(t, "the outcome to be known", func() bool { return b.registry.shows("a") == "2" })
	b.server.Restart(t)
	b.put("a", "3")
	b.put("b", "1")
	b.idle()
	if b.registry.shows("a") != "3" || b.registry.shows("b") != "1" {
		t.Errorf("the registry shows %v", b.registry.shown)
	}
	select {
	case <-r.done:
		t.Errorf("Run gave up: %v", r.err)
	default:
	}
}

// A message in hand for longer than the broker waits is not given out again.
func TestHeartbeatKeepsTheMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := newGate()
	b.registry.script(g.pass)
	b.start(setup{concurrency: 1})
	b.put("runs", "A")
	<-g.inside
	b.put("waits", "A")
	deadline := time.Now().Add(stream.AckWait + stream.AckWait/3)
	eventually(t, "the wait of the broker to be over", func() bool { return time.Now().After(deadline) })
	consumer, err := b.js.Consumer(t.Context(), stream.StreamName, "syncer-"+fed)
	if err != nil {
		t.Fatal(err)
	}
	if info := consumer.CachedInfo(); info.NumRedelivered != 0 || info.NumAckPending != 2 {
		t.Errorf("%d messages in hand, %d of them were given out again", info.NumAckPending, info.NumRedelivered)
	}
	g.open()
	b.idle()
}
