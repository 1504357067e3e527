package syncer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/syncer"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/internal/testproxy"
)

// Two replicas, few keys that change all the time, and a registry that is slow or fails now and then.
func TestReplicas_OnHotKeys(t *testing.T) {
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
	b := syncertest.New(t)
	b.Registry.During(func(ctx context.Context, c syncertest.Call) error {
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
	replicas := []*syncertest.Replica{b.Start(syncertest.Setup{Concurrency: 4}), b.Start(syncertest.Setup{Concurrency: 4})}
	want := make(map[string]string)
	for version := 1; version <= versions; version++ {
		for n := range names {
			name := fmt.Sprintf("c%d", n)
			if draw(10) == 0 {
				b.Remove(name)
				delete(want, name)
				continue
			}
			want[name] = strconv.Itoa(version)
			b.Put(name, want[name])
		}
	}
	b.Idle()
	testcheck.Empty(t, "what the registry saw wrong", b.Registry.Wrong())
	testcheck.Equal(t, "the registry's contents", want, b.Registry.Contents())
	for i, r := range replicas {
		if r.Outcome("applied") == 0 {
			t.Errorf("replica %d applied nothing", i)
		}
		testcheck.Equal(t, fmt.Sprintf("conflicts of replica %d", i), 0, r.Conflicts())
	}
}

// frozen is a registry whose calls end when the gate opens, whatever their context: a request that was sent cannot be
// canceled.
type frozen struct {
	target.Registry
	gate *syncertest.Gate
}

func (f *frozen) Apply(_ context.Context, k component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	_ = f.gate.Pass(context.Background(), syncertest.Call{Name: k.Name, Content: c.Metadata.Description})
	return f.Registry.Apply(context.Background(), k, c, previous)
}

func TestConflict_LateWriteOfAFrozenReplica(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		afterwards func(b *syncertest.Env, name string) // while the replica is frozen
		want       string
	}{
		"changed": {func(b *syncertest.Env, name string) { b.Put(name, "2") }, "2"},
		"deleted": {func(b *syncertest.Env, name string) { b.Remove(name) }, ""},
		"same":    {func(*syncertest.Env, string) {}, "1"},
	}
	b := syncertest.New(t)
	g := syncertest.NewGate()
	defer g.Open()
	way := testproxy.New(t, b.Server.URL())
	slow := b.Start(syncertest.Setup{URL: way.URL, Concurrency: len(tests), Wrap: func(p *syncer.Dependencies) {
		p.Registry = &frozen{p.Registry, g}
	}})
	for name := range tests {
		b.Put(name, "1")
		<-g.Inside
	}
	way.SetCut(true) // neither claims nor messages are renewed any more
	for name, test := range tests {
		test.afterwards(b, name)
	}
	other := b.Start(syncertest.Setup{Concurrency: len(tests)})
	b.Idle()
	before := make(map[string]int) // an older version was applied too if it was delivered first
	for name, test := range tests {
		calls := b.Registry.Calls(name)
		before[name] = len(calls)
		if len(calls) == 0 || !calls[0].InDoubt || b.Registry.Content(name) != test.want {
			t.Errorf("%s: the other replica called %+v", name, calls)
		}
	}
	g.Open()
	for name := range tests {
		syncertest.Eventually(t, "the late write of "+name, func() bool { return len(b.Registry.Calls(name)) == before[name]+1 && b.Registry.Content(name) == "1" })
	}
	way.SetCut(false)
	syncertest.Eventually(t, "everything to be done", func() bool { return slow.Outcome("applied")+slow.Outcome("deleted") == len(tests) })
	b.Idle()
	for name, test := range tests {
		calls := b.Registry.Calls(name)
		testcheck.Equal(t, fmt.Sprintf("%s: calls of the frozen replica", name), []syncertest.Call{{name, "1", false}, {name, test.want, true}}, calls[before[name]:])
		testcheck.Equal(t, fmt.Sprintf("%s: content of the registry", name), test.want, b.Registry.Content(name))
		newest, _, err := b.Log.Newest(t.Context(), syncertest.Key(name))
		testcheck.NoError(t, err)
		if state := b.State(name); state.Sequence != newest.Sequence || state.Intent != 0 {
			t.Errorf("%s: state %+v, the newest message is %d", name, state, newest.Sequence)
		}
	}
	if slow.Conflicts() != len(tests) || other.Conflicts() != 0 {
		t.Errorf("%d conflicts recorded by the frozen replica, %d by the other", slow.Conflicts(), other.Conflicts())
	}
	if slow.ClaimsLost() != len(tests) || other.ClaimsLost() != 0 {
		t.Errorf("%d claims lost by the frozen replica, %d by the other", slow.ClaimsLost(), other.ClaimsLost())
	}
}
