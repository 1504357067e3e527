package syncer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"odasync/internal/stream"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/testcheck"
)

func TestStop_FinishesAppliesAndRequeuesTheRest(t *testing.T) {
	const waiting = 20 // more than the queue holds: some wait on the server
	b := syncertest.NewParallel(t)
	g := syncertest.NewGate()
	b.Registry.When(func(c syncertest.Call) bool { return c.Name == "running" }, g.Pass)
	stopping := b.Start(syncertest.Setup{Concurrency: 1})
	b.Put("running", "A")
	<-g.Inside
	for i := range waiting {
		b.Put(fmt.Sprintf("w%d", i), "A")
	}
	// One is applied, four wait in the queue, one for the queue.
	syncertest.Eventually(t, "the queue to be full", func() bool { return b.Backlog().AckPending >= 6 })
	began := time.Now()
	stopping.Stop()
	b.Start(syncertest.Setup{Concurrency: 4})
	syncertest.Eventually(t, "the other replica to take what waited", func() bool { return len(b.Registry.Calls()) == 1+waiting })
	if took := time.Since(began); took > stream.AckWait/2 { // before the acknowledgement wait is over
		t.Errorf("what was requeued was delivered after %s", took)
	}
	if !stopping.Running() {
		t.Fatal("Run returned during an apply")
	}
	g.Open()
	if err := stopping.Ended(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	b.Idle()
	testcheck.Equal(t, "applied by the stopped replica", 1, stopping.Outcome("applied"))
	testcheck.Equal(t, "calls", []syncertest.Call{{"running", "A", false}}, b.Registry.Calls("running"))
}

func TestStop_CancelsAppliesAfterTheGracePeriod(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	defer g.Open()
	stuck := b.Start(syncertest.Setup{Grace: 50 * time.Millisecond})
	e := b.Put("a", "A")
	<-g.Inside
	began := time.Now()
	if err := stuck.End(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	testcheck.AtMost(t, "time of the stop", 5*time.Second, time.Since(began))
	if got := b.State("a"); got.Intent != e.Sequence {
		t.Errorf("state %+v, want the intent", got)
	}
	testcheck.ErrorIs(t, "check: a canceled request is no failure of the registry", nil, stuck.Syncer.Applier.Check())
	b.Registry.During(syncertest.Failing(nil))
	b.Start(syncertest.Setup{})
	b.Idle()
	testcheck.AtMost(t, "time until the message was redelivered", stream.AckWait, time.Since(began))
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", "A", false}, {"a", "A", true}}, b.Registry.Calls())
}

func TestStop_WhileTheServerIsDown(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	defer g.Open()
	r := b.Start(syncertest.Setup{Grace: 50 * time.Millisecond})
	b.Put("a", "A")
	<-g.Inside
	b.Server.Shutdown()
	began := time.Now()
	_ = r.End()
	testcheck.AtMost(t, "time of the stop", 15*time.Second, time.Since(began))
	b.Server.Restart(t)
}

func TestSyncer_SurvivesAServerOutage(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := syncertest.NewGate()
	b.Registry.When(func(c syncertest.Call) bool { return c.Content == "2" }, g.Pass)
	r := b.Start(syncertest.Setup{Concurrency: 4})
	b.Apply("a", "1")
	b.Put("a", "2")
	<-g.Inside
	b.Server.Shutdown()
	g.Open()
	syncertest.Eventually(t, "the outcome to be known", func() bool { return b.Registry.Content("a") == "2" })
	b.Server.Restart(t)
	b.Put("a", "3")
	b.Apply("b", "1")
	if b.Registry.Content("a") != "3" || b.Registry.Content("b") != "1" {
		t.Errorf("the registry has %v", b.Registry.Contents())
	}
	if !r.Running() {
		t.Errorf("Run gave up: %v", r.Ended())
	}
}

// A message that is in hand for longer than the acknowledgement wait is not redelivered.
func TestSyncer_HeartbeatKeepsTheMessage(t *testing.T) {
	b := syncertest.NewParallel(t)
	g := b.Registry.Gate()
	b.Start(syncertest.Setup{Concurrency: 1})
	b.Put("runs", "A")
	<-g.Inside
	b.Put("waits", "A")
	deadline := time.Now().Add(stream.AckWait + stream.AckWait/3)
	syncertest.Eventually(t, "the acknowledgement wait to be over", func() bool { return time.Now().After(deadline) })
	consumer, err := b.JS.Consumer(t.Context(), stream.StreamName, "syncer-"+syncertest.Target)
	testcheck.NoError(t, err)
	if info := consumer.CachedInfo(); info.NumRedelivered != 0 || info.NumAckPending != 2 {
		t.Errorf("%d messages in hand, %d of them redelivered", info.NumAckPending, info.NumRedelivered)
	}
	g.Open()
	b.Idle()
}
