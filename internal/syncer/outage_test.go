package syncer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/store"
	"odasync/internal/store/storetest"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

var errDown = &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 503, Detail: "no database"}

// fall makes the registry take nothing and answer no probe; rise ends that.
func (r *fakeRegistry) fall() {
	r.answer(func(string) error { return errDown })
	r.script(func(context.Context, call) error { return errDown })
}

func (r *fakeRegistry) rise() {
	r.script(func(context.Context, call) error { return nil })
	r.answer(func(string) error { return nil })
}

func (r *fakeRegistry) probed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.probes)
}

// is waits until the replica's breaker has the state.
func (r *replica) is(want syncer.BreakerState) {
	r.t.Helper()
	eventually(r.t, "the circuit breaker to be "+string(want), func() bool { return r.syncer.Flow().Breaker.State == want })
}

func (b *bench) info() *jetstream.ConsumerInfo {
	b.t.Helper()
	consumer, err := b.js.Consumer(context.Background(), stream.StreamName, "syncer-"+fed)
	if err != nil {
		b.t.Fatal(err)
	}
	return consumer.CachedInfo()
}

// quiet waits until the replica's breaker is open, nobody asks the server for messages and nothing is being applied.
func (b *bench) quiet(r *replica) {
	b.t.Helper()
	r.is(syncer.BreakerOpen)
	eventually(b.t, "nothing to be fetched or applied any more", func() bool {
		return b.info().NumWaiting == 0 && r.syncer.Flow().InFlight == 0
	})
}

// letters reads all dead letters of the target.
func (b *bench) letters(fed string) []target.DeadLetter {
	b.t.Helper()
	letters, err := store.OpenDeadLetters(context.Background(), b.conn, fed)
	if err != nil {
		b.t.Fatal(err)
	}
	var all []target.DeadLetter
	err = letters.All(context.Background(), func(l store.DeadLetter, err error) {
		if err != nil {
			b.t.Error(err)
		}
		all = append(all, storetest.DeadLetter(l))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestNothingIsFetchedWhileTheRegistryIsDown(t *testing.T) {
	t.Parallel()
	const before, meanwhile = 30, 10
	b := newBench(t)
	g := newGate()
	defer g.open()
	b.registry.fall()
	b.registry.script(func(ctx context.Context, c call) error {
		_ = g.pass(ctx, c)
		return errDown
	})
	r := b.start(setup{concurrency: 4})
	for i := range before {
		b.put(fmt.Sprintf("c%d", i), "A")
	}
	for range 4 {
		<-g.inside
	}
	eventually(t, "more to wait behind those", func() bool { return b.backlog().AckPending >= 12 })
	g.open()
	b.quiet(r)
	delivered, calls, probes := b.info().Delivered.Consumer, len(b.registry.got()), b.registry.probed()
	for i := range meanwhile {
		b.put(fmt.Sprintf("m%d", i), "A")
	}
	eventually(t, "many probes", func() bool { return b.registry.probed() > probes+20 })
	if got := b.info().Delivered.Consumer; got != delivered {
		t.Errorf("%d messages were delivered during the outage", got-delivered)
	}
	if got := len(b.registry.got()); got != calls {
		t.Errorf("the registry got %d calls that are no probes", got-calls)
	}
	if got := r.syncer.Flow().Breaker.State; got != syncer.BreakerOpen {
		t.Errorf("the circuit breaker is %s", got)
	}
	err := r.syncer.Check()
	if err == nil || !strings.Contains(err.Error(), "circuit breaker open since ") || !strings.Contains(err.Error(), "HTTP 503: no database") {
		t.Errorf("check: %v", err)
	}

	b.registry.rise()
	b.idle()
	r.is(syncer.BreakerClosed)
	for i := range before + meanwhile {
		name := fmt.Sprintf("c%d", i)
		if i >= before {
			name = fmt.Sprintf("m%d", i-before)
		}
		if got := b.registry.shows(name); got != "A" {
			t.Errorf("the registry shows %q for %s", got, name)
		}
	}
	if err := r.syncer.Check(); err != nil {
		t.Errorf("check afterwards: %v", err)
	}
	if letters := b.letters(fed); len(letters) != 0 {
		t.Errorf("dead letters: %+v", letters)
	}
	if wrong := b.registry.wrong(); len(wrong) != 0 {
		t.Errorf("the registry saw: %q", wrong)
	}
	if got := r.outcome("handed_back"); got == 0 {
		t.Error("nothing was handed back")
	}
}

// A registry that answers probes and takes nothing is tried with a few messages, again and again, and loses none.
func TestRegistryThatOnlyLooksWell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.fall()
	b.registry.answer(func(string) error { return nil })
	r := b.start(setup{concurrency: 4})
	for i := range 20 {
		b.put(fmt.Sprintf("c%d", i), "A")
	}
	eventually(t, "some tries", func() bool { return len(b.registry.got()) >= 8 })
	b.registry.rise()
	b.idle()
	r.is(syncer.BreakerClosed)
	if letters := b.letters(fed); len(letters) != 0 {
		t.Errorf("dead letters: %+v", letters)
	}
	if b.registry.mu.Lock(); len(b.registry.shown) != 20 {
		t.Errorf("the registry shows %d of 20", len(b.registry.shown))
	}
	b.registry.mu.Unlock()
}

func TestStopDuringAnOutage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.registry.fall()
	r := b.start(setup{concurrency: 4, tries: 3, pause: time.Minute})
	b.put("a", "A")
	eventually(t, "a try", func() bool { return len(b.registry.got()) > 0 })
	for i := range 20 {
		b.put(fmt.Sprintf("c%d", i), "A")
	}
	began := time.Now()
	if err := r.end(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a stop between two tries took %s", took)
	}

	r = b.start(setup{concurrency: 4})
	b.quiet(r)
	began = time.Now()
	if err := r.end(); err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a stop with an open breaker took %s", took)
	}
	b.registry.rise()
	b.start(setup{concurrency: 4})
	b.idle()
	if got := b.registry.shows("a"); got != "A" {
		t.Errorf("the registry shows %q", got)
	}
}

// One replica cannot reach the registry; another can, and gets what the first hands back.
func TestAnotherReplicaIsNotDisturbed(t *testing.T) {
	t.Parallel()
	const count = 40
	b := newBench(t)
	away := newFakeRegistry()
	away.fall()
	cut := b.start(setup{concurrency: 4, wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Registry, p.Probe = away, away
		return p
	}})
	for i := range count / 2 {
		b.put(fmt.Sprintf("c%d", i), "A")
	}
	b.quiet(cut)
	well := b.start(setup{concurrency: 4})
	for i := range count / 2 {
		b.put(fmt.Sprintf("d%d", i), "A")
	}
	b.idle()
	if got := well.outcome("applied"); got != count {
		t.Errorf("the replica that is well applied %d of %d", got, count)
	}
	if got := well.syncer.Flow().Breaker; got.State != syncer.BreakerClosed || got.Reason != nil {
		t.Errorf("its circuit breaker is %s, it had opened for: %v", got.State, got.Reason)
	}
	if err := well.syncer.Check(); err != nil {
		t.Errorf("its check: %v", err)
	}
	if got := cut.syncer.Flow().Breaker.State; got != syncer.BreakerOpen {
		t.Errorf("the other's circuit breaker is %s", got)
	}
	if wrong := b.registry.wrong(); len(wrong) != 0 {
		t.Errorf("the registry saw: %q", wrong)
	}
}
