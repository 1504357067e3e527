package syncer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/syncer"
	"odasync/internal/target"
	"odasync/internal/testproxy"
)

// Two replicas, few keys that change all the time, a registry that is slow now and then and fails now and then.
func TestTwoReplicasOnHotKeys(t *testing.T) {
	t.Parallel()
	const names, versions = 6, 60
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	b := newBench(t)
	b.registry.script(func(ctx context.Context, c call) error {
		select { // a registry takes its time
		case <-time.After(time.Duration(draw(4)) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if draw(40) == 0 {
			return &target.Failure{Class: target.ClassUnavailable, Request: "PUT /components/{id}", Status: 503}
		}
		return nil
	})
	replicas := []*replica{b.start(setup{concurrency: 4}), b.start(setup{concurrency: 4})}
	want := make(map[string]string)
	for version := 1; version <= versions; version++ {
		for n := range names {
			name := fmt.Sprintf("c%d", n)
			if draw(10) == 0 {
				b.remove(name)
				delete(want, name)
				continue
			}
			want[name] = strconv.Itoa(version)
			b.put(name, want[name])
		}
	}
	b.idle()
	if wrong := b.registry.wrong(); len(wrong) > 0 {
		t.Errorf("the registry saw: %q", wrong)
	}
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	if diff := cmp.Diff(want, b.registry.shown); diff != "" {
		t.Errorf("the registry shows (-want +got):\n%s", diff)
	}
	for i, r := range replicas {
		if r.outcome("applied") == 0 {
			t.Errorf("replica %d applied nothing", i)
		}
		if got := r.races(); got != 0 {
			t.Errorf("replica %d noticed %d races", i, got)
		}
	}
}

// frozen is a registry whose calls, for one replica, end when the test lets them, whatever their context says: a
// request that was sent cannot be called back.
type frozen struct {
	target.Registry
	gate *gate
}

func (f *frozen) Apply(_ context.Context, k component.Key, c *component.Component, prior target.Previous) (target.Result, error) {
	_ = f.gate.pass(context.Background(), call{Name: k.Name, Content: c.Metadata.Description})
	return f.Registry.Apply(context.Background(), k, c, prior)
}

func TestLateWriteOfAFrozenReplicaIsMended(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		afterwards func(b *bench, name string) // while the replica is frozen
		want       string
	}{
		"changed": {func(b *bench, name string) { b.put(name, "2") }, "2"},
		"deleted": {func(b *bench, name string) { b.remove(name) }, ""},
		"same":    {func(*bench, string) {}, "1"},
	}
	b := newBench(t)
	g := newGate()
	defer g.open()
	way := testproxy.New(t, b.server.URL())
	slow := b.start(setup{url: way.URL, concurrency: len(tests), wrap: func(p syncer.Dependencies) syncer.Dependencies {
		p.Registry = &frozen{p.Registry, g}
		return p
	}})
	for name := range tests {
		b.put(name, "1")
		<-g.inside
	}
	way.SetCut(true) // the claims are not renewed any more, and the broker hears no heartbeat
	for name, test := range tests {
		test.afterwards(b, name)
	}
	other := b.start(setup{concurrency: len(tests)})
	b.idle()
	before := make(map[string]int) // an older version was applied too where the broker brought it first
	for name, test := range tests {
		calls := b.registry.got(name)
		before[name] = len(calls)
		if len(calls) == 0 || !calls[0].Doubt || b.registry.shows(name) != test.want {
			t.Errorf("%s: the other replica called %+v", name, calls)
		}
	}
	g.open()
	for name := range tests {
		eventually(t, "the late write of "+name, func() bool { return len(b.registry.got(name)) == before[name]+1 && b.registry.shows(name) == "1" })
	}
	way.SetCut(false)
	eventually(t, "everything to be done", func() bool { return slow.outcome("applied")+slow.outcome("deleted") == len(tests) })
	b.idle()
	for name, test := range tests {
		calls := b.registry.got(name)
		if diff := cmp.Diff([]call{{name, "1", false}, {name, test.want, true}}, calls[before[name]:]); diff != "" {
			t.Errorf("%s: calls of the frozen replica (-want +got):\n%s", name, diff)
		}
		if got := b.registry.shows(name); got != test.want {
			t.Errorf("%s: the registry shows %q", name, got)
		}
		newest, _, err := b.log.Newest(t.Context(), key(name))
		if err != nil {
			t.Fatal(err)
		}
		if state := b.state(name); state.Sequence != newest.Sequence || state.Intent != 0 {
			t.Errorf("%s: state %+v, the newest message is %d", name, state, newest.Sequence)
		}
	}
	if slow.races() != len(tests) || other.races() != 0 {
		t.Errorf("%d races noticed by the frozen replica, %d by the other", slow.races(), other.races())
	}
	if slow.lost() != len(tests) || other.lost() != 0 {
		t.Errorf("%d claims lost by the frozen replica, %d by the other", slow.lost(), other.lost())
	}
}
