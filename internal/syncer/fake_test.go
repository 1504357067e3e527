package syncer_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// call is a call of the registry in short. Content is "" for a deletion.
type call struct {
	Name, Content string
	Doubt         bool
}

// fakeRegistry is a registry in memory. It writes down every call, and what must not happen: two calls for one key at
// a time, and a content over a newer one, for contents that are numbers.
type fakeRegistry struct {
	mu       sync.Mutex
	calls    []call
	records  []target.Ref // that came with the calls
	shown    map[string]string
	busy     map[component.Key]int
	newest   map[component.Key]int
	overlaps []call
	stale    []call

	during func(ctx context.Context, c call) error // runs before the write lands; its error keeps the write from landing
	asked  func(question string) error             // answers the probes "health" and "trial"
	probes []string
}

func newFakeRegistry() *fakeRegistry {
	return &fakeRegistry{
		shown: make(map[string]string), busy: make(map[component.Key]int), newest: make(map[component.Key]int),
		during: func(context.Context, call) error { return nil }, asked: func(string) error { return nil },
	}
}

// script sets what happens during the calls from now on.
func (r *fakeRegistry) script(during func(ctx context.Context, c call) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.during = during
}

// answer sets how probes are answered from now on.
func (r *fakeRegistry) answer(asked func(question string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = asked
}

// Health implements syncer.Probe.
func (r *fakeRegistry) Health(context.Context) error { return r.ask("health") }

// Trial implements syncer.Probe.
func (r *fakeRegistry) WriteProbe(context.Context) error { return r.ask("trial") }

func (r *fakeRegistry) ask(question string) error {
	r.mu.Lock()
	r.probes = append(r.probes, question)
	asked := r.asked
	r.mu.Unlock()
	return asked(question)
}

// Apply implements syncer.Registry.
func (r *fakeRegistry) Apply(ctx context.Context, k component.Key, c *component.Component, prior target.Previous) (target.Result, error) {
	record := target.Ref{Registry: "self", Name: k.Name, ID: "id-" + k.Name}
	return r.call(ctx, k, call{k.Name, c.Metadata.Description, prior.InDoubt}, prior, record)
}

// Delete implements syncer.Registry.
func (r *fakeRegistry) Delete(ctx context.Context, k component.Key, prior target.Previous) (target.Result, error) {
	return r.call(ctx, k, call{k.Name, "", prior.InDoubt}, prior, target.Ref{})
}

func (r *fakeRegistry) call(ctx context.Context, k component.Key, c call, prior target.Previous, record target.Ref) (target.Result, error) {
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.records = append(r.records, prior.Ref)
	r.busy[k]++
	if r.busy[k] > 1 {
		r.overlaps = append(r.overlaps, c)
	}
	during := r.during
	r.mu.Unlock()

	err := during(ctx, c)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[k]--
	if err != nil {
		return target.Result{Ref: record, Requests: 1}, err
	}
	if version, err := strconv.Atoi(c.Content); err == nil {
		if version < r.newest[k] {
			r.stale = append(r.stale, c)
		}
		r.newest[k] = max(r.newest[k], version)
	}
	writes := 1
	if r.shown[c.Name] == c.Content {
		writes = 0
	}
	if c.Content == "" {
		delete(r.shown, c.Name)
	} else {
		r.shown[c.Name], record.Digest = c.Content, c.Content
	}
	return target.Result{Ref: record, Requests: 1, Writes: writes}, nil
}

// shows returns the content that stands for the name.
func (r *fakeRegistry) shows(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown[name]
}

// got returns the calls so far, of the names or of all.
func (r *fakeRegistry) got(names ...string) []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []call
	for _, c := range r.calls {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// wrong lists what must not have happened.
func (r *fakeRegistry) wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, c := range r.overlaps {
		all = append(all, fmt.Sprintf("two calls at a time: %+v", c))
	}
	for _, c := range r.stale {
		all = append(all, fmt.Sprintf("stale write: %+v", c))
	}
	return all
}

// gate holds calls until it is opened.
type gate struct {
	inside chan call // who has arrived
	opened chan struct{}
	open   func()
}

func newGate() *gate {
	g := &gate{inside: make(chan call, 100), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// pass waits for the gate, or for the context where it is given.
func (g *gate) pass(ctx context.Context, c call) error {
	g.inside <- c
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wholeStream is the rest of syncer.Heads for a stream that was never restored and lacks nothing.
type wholeStream struct{}

func (wholeStream) Restored(context.Context, component.Key, uint64) (bool, error) { return false, nil }

func (wholeStream) Complete(context.Context, string) (event.Snapshot, bool, error) {
	return event.Snapshot{}, true, nil
}

// sorted orders calls of different names, which run beside each other.
func sorted(calls []call) []call {
	slices.SortStableFunc(calls, func(a, b call) int { return strings.Compare(a.Name, b.Name) })
	return calls
}
