package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/test/procs"
)

// TestChaos creates, changes and deletes 200 Components at random while the leading watcher and a syncer are killed
// again and again, and while the registry is slow and loses answers. The registry must be exactly right in the end, and
// must never have gone backwards on the way.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed, duration := chaosSettings(t)
	l := newLab(t, "e2e-chaos-a", "e2e-chaos-b")
	env := map[string]string{"LEASE_DURATION": "5s"}
	watchers := []*procs.Process{l.start(l.watcherSpec("watcher-1", env)), l.start(l.watcherSpec("watcher-2", env))}
	syncers := []*procs.Process{l.start(l.syncerSpec("syncer-1", nil)), l.start(l.syncerSpec("syncer-2", nil))}
	l.ready(watchers...)
	l.ready(syncers...)

	l.registry.SetFault(slowAndLossy)
	limit, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	zoo := newZoo(rand.New(rand.NewPCG(seed, 1)), l.namespaces, 200)
	killer := &killer{lab: l, random: rand.New(rand.NewPCG(seed, 2)), watchers: watchers, syncers: syncers}
	var background sync.WaitGroup
	background.Go(func() { killer.run(limit) })
	for limit.Err() == nil {
		if err := zoo.act(t.Context()); err != nil {
			t.Error(err)
			break
		}
		_ = procs.Pause(limit, 10*time.Millisecond) // its end is the loop's
	}
	background.Wait()
	l.registry.SetFault(nil)
	if t.Failed() {
		return
	}

	took := l.equal(time.Minute)
	l.drained(time.Minute)
	if err := l.differs(l.mapping.of(l.objects())); err != nil {
		t.Errorf("after the last message: %v", err)
	}
	l.ready(killer.watchers...)
	l.ready(killer.syncers...)
	writes := checkHistory(t, l.registry.Server)
	t.Logf("%d created, %d changed, %d deleted; leader killed %d times, syncer %d times; right %.1f s after the end; %d writes to the registry",
		zoo.created, zoo.changed, zoo.deleted, killer.leaders, killer.replicas, took.Seconds(), writes)
	if duration >= 30*time.Second && (killer.leaders < 2 || killer.replicas < 2) {
		t.Error("too few kills to show anything")
	}
}

// chaosSettings prints what repeats the run.
func chaosSettings(t *testing.T) (seed uint64, duration time.Duration) {
	t.Helper()
	seed, duration = rand.Uint64(), time.Minute
	if text := os.Getenv("E2E_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("E2E_SEED is %q: a whole number", text)
		}
	}
	if text := os.Getenv("E2E_CHAOS_DURATION"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil || duration <= 0 {
			t.Fatalf("E2E_CHAOS_DURATION is %q: such as 60s", text)
		}
	}
	t.Logf("E2E_SEED=%d E2E_CHAOS_DURATION=%s", seed, duration)
	return seed, duration
}

// slowAndLossy makes writes take a while, so that much is under way when somebody is killed, and loses the answer to
// some of them.
func slowAndLossy(r *http.Request) *refregistry.Fault {
	if r.Method == http.MethodGet {
		return nil
	}
	fault := &refregistry.Fault{Delay: rand.N(100 * time.Millisecond)}
	if rand.IntN(100) == 0 {
		fault.After, fault.Reset = true, true
	}
	return fault
}

// killer kills the leading watcher and a syncer in turn, and starts each again.
type killer struct {
	*lab
	random            *rand.Rand
	watchers, syncers []*procs.Process
	leaders, replicas int
}

func (k *killer) run(ctx context.Context) {
	for turn := 0; ; turn++ {
		if procs.Pause(ctx, k.between(2*time.Second, 5*time.Second)) != nil {
			return
		}
		which := &k.syncers[k.random.IntN(len(k.syncers))]
		if turn%2 == 0 {
			if which = k.leader(); which == nil {
				continue // between two leaders
			}
			k.leaders++
		} else {
			k.replicas++
		}
		(*which).Kill()
		_ = procs.Pause(ctx, k.between(0, 2*time.Second)) // what was killed is started again in any case
		again, err := k.group.Start((*which).Spec)
		if err != nil {
			k.Error(err)
			return
		}
		*which = again
	}
}

// leader finds the watcher that says it leads.
func (k *killer) leader() **procs.Process {
	for i, w := range k.watchers {
		ctx, cancel := context.WithTimeout(k.Context(), 2*time.Second)
		leads, err := w.Metric(ctx, "odasync_leader")
		cancel()
		if err == nil && leads == 1 {
			return &k.watchers[i]
		}
	}
	return nil
}

func (k *killer) between(least, most time.Duration) time.Duration {
	return least + time.Duration(k.random.Int64N(int64(most-least)))
}
