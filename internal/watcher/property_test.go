package watcher

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// After any order of changes, resyncs, terms and faults, the heads are the last state of the cluster, and there are no more
// messages than changes. A failure prints the seed that repeats it.
func TestWatcher_HeadsFollowTheClusterInEveryOrder(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t, func(o *server.Options) {
		o.JetStreamLimits.DefaultMaxConsumers = -1 // the reads of so many terms leave theirs for a minute
	})
	conn := server.Conn(t)
	js, err := jetstream.New(server.NATS(t))
	testcheck.NoError(t, err)
	var cases atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		b := newHarnessOn(t, server, conn, fmt.Sprintf("cluster-%d", cases.Add(1)))
		m := &model{
			t: t, b: b, log: intercept(b.log), release: func() {}, all: all,
			cluster:  map[string]component.Observation{"stays": seen("stays", "A")}, // never everything is absent, which would need an approval
			reported: make(map[string]string), certain: make(map[string]bool),
			possible: make(map[string][]string), inferred: make(map[string]bool),
		}
		m.term = b.lead(t, m.log)
		m.resync(rt)
		m.term.awaitIdle()
		rt.Repeat(map[string]func(*rapid.T){
			"change":  m.reporting(m.change),
			"break":   m.reporting(m.breakOne),
			"delete":  m.reporting(m.remove),
			"repeat":  m.reportAgain,
			"resync":  m.resync,
			"miss":    m.miss,
			"partial": m.partial,
			"block":   m.block,
			"unblock": func(*rapid.T) { m.unblock() },
			"lose":    m.lose,
			"restart": m.restart,
		})
		m.unblock()
		m.resync(rt)
		m.term.awaitIdle()
		testcheck.ErrorIs(rt, "Lead after a stop", nil, m.term.end())
		m.check(rt, js)
	})
}

// model is the expected state of a case.
type model struct {
	t       *testing.T
	b       *harness
	log     *interceptor
	release func()
	all     component.Scope
	term    *term

	cluster  map[string]component.Observation // what exists
	reported map[string]string                // the last readable state that was reported
	certain  map[string]bool                  // reported in this term
	inferred map[string]bool                  // its deletion follows from absence
	possible map[string][]string              // every state that was ever reported or published by another leader
	changes  int                              // how often that changed
}

func state(o component.Observation) string {
	if o.Deleted {
		return gone
	}
	return o.Component.Metadata.Description + " of " + o.UID
}

var aName = rapid.SampledFrom([]string{"a", "b", "c", "d"})

func (m *model) change(rt *rapid.T) (component.Observation, bool) {
	o := seen(aName.Draw(rt, "name"), rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "content"))
	o.UID = rapid.SampledFrom([]string{"first", "second"}).Draw(rt, "uid")
	m.cluster[o.Name] = o
	return o, true
}

func (m *model) breakOne(rt *rapid.T) (component.Observation, bool) {
	o := malformed(aName.Draw(rt, "name"))
	m.cluster[o.Name] = o
	return o, true
}

func (m *model) remove(rt *rapid.T) (component.Observation, bool) {
	o := deleted(aName.Draw(rt, "name"))
	_, existed := m.cluster[o.Name]
	delete(m.cluster, o.Name)
	return o, existed
}

// reported makes the mutation one that the source sees.
func (m *model) reporting(mutate func(*rapid.T) (component.Observation, bool)) func(*rapid.T) {
	return func(rt *rapid.T) {
		if o, happened := mutate(rt); happened {
			m.report(o)
		}
	}
}

func (m *model) report(o component.Observation) {
	m.term.observe(o)
	if o.Err == nil {
		m.record(o.Name, state(o))
	} else if m.inferred[o.Name] { // it exists: no unpublished deletion applies
		m.certain[o.Name] = false
	}
}

func (m *model) record(name, state string) {
	before, known := m.reported[name]
	if before != state && (known || state != gone) {
		m.changes++
	}
	if known || state != gone {
		m.reported[name] = state
		m.possible[name] = append(m.possible[name], state)
	}
	m.certain[name] = true
	delete(m.inferred, name)
}

func (m *model) reportAgain(rt *rapid.T) {
	if o, exists := m.cluster[aName.Draw(rt, "name")]; exists {
		m.report(o)
	}
}

// resync reports everything in any order, perhaps with a change in between.
func (m *model) resync(rt *rapid.T) {
	generation := m.term.to.Begin(m.all)
	m.some(rt, len(m.cluster))
	if rapid.Bool().Draw(rt, "with a change in between") {
		m.reporting(rapid.SampledFrom([]func(*rapid.T) (component.Observation, bool){m.change, m.breakOne, m.remove}).Draw(rt, "which"))(rt)
	}
	testcheck.NoError(m.t, m.term.to.End(m.term.ctx, generation, m.all, component.Resync{}))
	for name := range m.reported {
		if _, exists := m.cluster[name]; !exists {
			m.record(name, gone)
			m.inferred[name] = true
		}
	}
}

// partial ends a resync of which the source did not know everything: nothing that it did not report is absent.
func (m *model) partial(rt *rapid.T) {
	generation := m.term.to.Begin(m.all)
	m.some(rt, rapid.IntRange(0, len(m.cluster)).Draw(rt, "known"))
	testcheck.NoError(m.t, m.term.to.End(m.term.ctx, generation, m.all, component.Resync{Unknown: func(string, string) bool { return true }}))
	for name, state := range m.reported {
		if _, exists := m.cluster[name]; !exists && state == gone { // a reported deletion that is not published yet, too
			m.inferred[name] = true
		}
	}
}

// some reports a number of existing components.
func (m *model) some(rt *rapid.T, n int) {
	names := rapid.Permutation(slices.Sorted(maps.Keys(m.cluster))).Draw(rt, "order")
	for _, name := range names[:n] {
		m.report(m.cluster[name])
	}
}

// miss changes the cluster without reports. A resync follows, perhaps after one that fails.
func (m *model) miss(rt *rapid.T) {
	m.mutate(rt)
	if rapid.Bool().Draw(rt, "a resync fails") {
		m.term.to.Begin(m.all)
		m.some(rt, rapid.IntRange(0, len(m.cluster)).Draw(rt, "seen"))
		m.mutate(rt)
	}
	m.resync(rt)
}

func (m *model) mutate(rt *rapid.T) {
	for range rapid.IntRange(0, 3).Draw(rt, "mutations") {
		_, _ = rapid.SampledFrom([]func(*rapid.T) (component.Observation, bool){m.change, m.breakOne, m.remove}).Draw(rt, "mutation")(rt)
	}
}

func (m *model) block(*rapid.T) {
	m.unblock()
	m.release = m.log.block()
}

func (m *model) unblock() { m.release() }

func (m *model) lose(rt *rapid.T) {
	name := aName.Draw(rt, "name")
	m.log.set(func() { m.log.loseAck[name] = 1 })
}

// restart ends a term, idle or with waiting publishes, and begins the next. In between the cluster changes, and a late leader
// may publish.
func (m *model) restart(rt *rapid.T) {
	settled := rapid.Bool().Draw(rt, "idle")
	m.term.stopWhile(settled, m.unblock)
	if !settled {
		clear(m.certain)
	}
	m.mutate(rt)
	if rapid.Bool().Draw(rt, "a late leader publishes") {
		o := seen(aName.Draw(rt, "name"), "foreign")
		m.b.publishAsOther(m.t, o)
		m.possible[o.Name] = append(m.possible[o.Name], state(o))
		m.certain[o.Name] = false
		m.changes += 2 // its own and the one that follows
		if _, known := m.reported[o.Name]; !known {
			m.reported[o.Name] = gone
		}
	}
	m.term = m.b.lead(m.t, m.log)
	m.resync(rt)
}

// stopWhile ends the term and unblocks its publishes.
func (l *term) stopWhile(settled bool, unblock func()) {
	l.t.Helper()
	if settled {
		unblock()
		l.awaitIdle()
	} else {
		l.stop()
		unblock()
	}
	if err := l.end(); err != nil {
		l.t.Fatalf("Lead returned %v after a stop", err)
	}
}

func (m *model) check(rt *rapid.T, js jetstream.JetStream) {
	heads := make(map[string]string)
	err := m.b.log.NewestOfEach(m.t.Context(), event.ClusterSubjects(m.b.watcher.cluster), func(e event.Event, err error) {
		heads[e.Key.Name] = gone
		if !e.Deleted() {
			heads[e.Key.Name] = e.Component.Metadata.Description + " of " + e.UID
		}
	})
	testcheck.NoError(m.t, err)
	for name := range m.possible {
		o, exists := m.cluster[name]
		if heads[name] == "" {
			heads[name] = gone // nothing was published, or a tombstone: both say the same
		}
		var want []string
		switch {
		case !exists:
			want = []string{gone}
		case o.Err == nil:
			want = []string{state(o)}
		case m.certain[name]: // the last readable state remains
			want = []string{m.reported[name]}
		default:
			want = append([]string{gone}, m.possible[name]...)
		}
		if !slices.Contains(want, heads[name]) {
			rt.Errorf("the newest message of %s is %q, want one of %q", name, heads[name], want)
		}
	}

	s, err := js.Stream(m.t.Context(), stream.StreamName)
	testcheck.NoError(m.t, err)
	info, err := s.Info(m.t.Context(), jetstream.WithSubjectFilter(event.ClusterSubjects(m.b.watcher.cluster)))
	testcheck.NoError(m.t, err)
	messages := 0
	for _, n := range info.State.Subjects {
		messages += int(n)
	}
	testcheck.AtMost(rt, "messages for the changes", m.changes, messages)
}
