package syncertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"odasync/internal/component"
	"odasync/internal/target"
)

// Failures of the registry.
var (
	ErrDown     = &target.Failure{Class: target.ClassUnavailable, Request: "POST /components/", Status: 503, Detail: "no database"}
	ErrRejected = &target.Failure{Class: target.ClassInvalid, Request: "POST /components/", Status: 422, Detail: "body.name: too long"}
)

// Call is a call of the registry. Content is empty for a deletion.
type Call = struct {
	Name, Content string
	InDoubt       bool
}

// Registry is a registry in memory. It records every call, and what must not happen: two calls for one key at a time, and
// an older content after a newer one, where contents are numbers.
type Registry struct {
	mu       sync.Mutex
	calls    []Call
	refs     []target.Ref // that came with the calls
	contents map[string]string
	busy     map[component.Key]int
	newest   map[component.Key]int
	wrong    []string

	during func(ctx context.Context, c Call) error // runs before a write lands; its error keeps it from landing
	answer func(probe string) error
	probes int
}

// NewRegistry returns an empty registry that takes everything.
func NewRegistry() *Registry {
	r := &Registry{contents: map[string]string{}, busy: map[component.Key]int{}, newest: map[component.Key]int{}}
	r.Recover()
	return r
}

// During sets what happens during calls from now on. An error is the result of the call, which then writes nothing.
func (r *Registry) During(during func(ctx context.Context, c Call) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.during = during
}

// When sets what happens during the calls that match from now on. The others succeed.
func (r *Registry) When(matches func(c Call) bool, during func(ctx context.Context, c Call) error) {
	r.During(func(ctx context.Context, c Call) error {
		if matches(c) {
			return during(ctx, c)
		}
		return nil
	})
}

// Failing returns what happens during calls that fail.
func Failing(err error) func(context.Context, Call) error {
	return func(context.Context, Call) error { return err }
}

// Gate holds every call from now on until the gate is opened.
func (r *Registry) Gate() *Gate {
	g := NewGate()
	r.During(g.Pass)
	return g
}

// Answer sets how the probes "health" and "write" are answered from now on.
func (r *Registry) Answer(answer func(probe string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// Reject makes the registry reject contents that begin with "bad".
func (r *Registry) Reject() {
	r.When(func(c Call) bool { return strings.HasPrefix(c.Content, "bad") }, Failing(ErrRejected))
}

// Fail makes every call and probe fail.
func (r *Registry) Fail() {
	r.Answer(func(string) error { return ErrDown })
	r.During(Failing(ErrDown))
}

// Recover makes every call and probe succeed.
func (r *Registry) Recover() {
	r.During(Failing(nil))
	r.Answer(func(string) error { return nil })
}

// Health implements target.Probe.
func (r *Registry) Health(context.Context) error { return r.probe("health") }

// WriteProbe implements target.Probe.
func (r *Registry) WriteProbe(context.Context) error { return r.probe("write") }

func (r *Registry) probe(name string) error {
	r.mu.Lock()
	r.probes++
	answer := r.answer
	r.mu.Unlock()
	return answer(name)
}

// Probes counts the probes.
func (r *Registry) Probes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.probes
}

// Apply implements target.Registry.
func (r *Registry) Apply(ctx context.Context, k component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	ref := target.Ref{Registry: "self", Name: k.Name, ID: "id-" + k.Name}
	return r.call(ctx, k, Call{k.Name, c.Metadata.Description, previous.InDoubt || previous.Verify}, previous, ref)
}

// Delete implements target.Registry.
func (r *Registry) Delete(ctx context.Context, k component.Key, previous target.Previous) (target.Result, error) {
	return r.call(ctx, k, Call{k.Name, "", previous.InDoubt || previous.Verify}, previous, target.Ref{})
}

func (r *Registry) call(ctx context.Context, k component.Key, c Call, previous target.Previous, ref target.Ref) (target.Result, error) {
	r.mu.Lock()
	r.calls, r.refs = append(r.calls, c), append(r.refs, previous.Ref)
	if r.busy[k]++; r.busy[k] > 1 {
		r.wrong = append(r.wrong, fmt.Sprintf("two calls at a time: %+v", c))
	}
	during := r.during
	r.mu.Unlock()

	err := during(ctx, c)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[k]--
	if err != nil {
		return target.Result{Ref: ref, Requests: 1}, err
	}
	if version, err := strconv.Atoi(c.Content); err == nil {
		if version < r.newest[k] {
			r.wrong = append(r.wrong, fmt.Sprintf("stale write: %+v", c))
		}
		r.newest[k] = max(r.newest[k], version)
	}
	_, exists := r.contents[c.Name]
	writes := 1
	if r.contents[c.Name] == c.Content {
		writes = 0
	}
	overwritten := 0
	if r.contents[c.Name] == Foreign {
		overwritten = 1
	}
	ref.Digest = c.Content
	r.set(c.Name, c.Content)
	return target.Result{Ref: ref, Requests: 1, Writes: writes, Created: !exists && c.Content != "", Overwritten: overwritten}, nil
}

// Foreign is a content that another program has written.
const Foreign = "foreign"

// Set changes the content of an entry by hand; an empty one deletes it.
func (r *Registry) Set(content string, names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		r.set(name, content)
	}
}

func (r *Registry) set(name, content string) {
	if content == "" {
		delete(r.contents, name)
	} else {
		r.contents[name] = content
	}
}

// Content returns the content of an entry; empty if there is none.
func (r *Registry) Content(name string) string { return r.Contents()[name] }

// Contents returns the contents of all entries.
func (r *Registry) Contents() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.contents)
}

// Calls returns the calls so far, of the names or of all.
func (r *Registry) Calls(names ...string) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Call
	for _, c := range r.calls {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// Refs returns the refs that came with the calls so far.
func (r *Registry) Refs() []target.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.refs)
}

// Wrong lists what must not have happened.
func (r *Registry) Wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wrong)
}

// Sorted orders calls of different names, which run concurrently.
func Sorted(calls []Call) []Call {
	slices.SortStableFunc(calls, func(a, b Call) int { return strings.Compare(a.Name, b.Name) })
	return calls
}

// Gate holds calls until it is opened.
type Gate struct {
	Inside chan Call // the calls that have arrived
	Open   func()
	opened chan struct{}
}

// NewGate returns a gate that is closed.
func NewGate() *Gate {
	g := &Gate{Inside: make(chan Call, 100), opened: make(chan struct{})}
	g.Open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// Pass waits until the gate is opened. Its only error is the context's.
func (g *Gate) Pass(ctx context.Context, c Call) error {
	g.Inside <- c
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
