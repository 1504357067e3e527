package watcher

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/internal/watcher/inventory"
)

func TestPublisher_PublishesDifferencesOnly(t *testing.T) {
	t.Parallel()
	touched := seen("a", "one")
	touched.ResourceVersion = "99"
	tests := map[string]struct {
		see        []component.Observation
		want       []message
		suppressed int
	}{
		"a new component":             {see: []component.Observation{seen("a", "one")}, want: []message{{"a", "one"}}},
		"the same again":              {see: []component.Observation{seen("a", "one"), seen("a", "one")}, want: []message{{"a", "one"}}, suppressed: 1},
		"another resourceVersion":     {see: []component.Observation{seen("a", "one"), touched}, want: []message{{"a", "one"}}, suppressed: 1},
		"changed":                     {see: []component.Observation{seen("a", "one"), seen("a", "two")}, want: []message{{"a", "one"}, {"a", "two"}}},
		"changed and back":            {see: []component.Observation{seen("a", "one"), seen("a", "two"), seen("a", "one")}, want: []message{{"a", "one"}, {"a", "two"}, {"a", "one"}}},
		"deleted":                     {see: []component.Observation{seen("a", "one"), deleted("a")}, want: []message{{"a", "one"}, {"a", gone}}},
		"deleted twice":               {see: []component.Observation{seen("a", "one"), deleted("a"), deleted("a")}, want: []message{{"a", "one"}, {"a", gone}}, suppressed: 1},
		"deleted without being known": {see: []component.Observation{deleted("a")}, suppressed: 1},
		"created again with another uid and the same content": {
			see:  []component.Observation{seen("a", "one"), deleted("a"), withUID(seen("a", "one"), "second")},
			want: []message{{"a", "one"}, {"a", gone}, {"a", "one"}},
		},
		"created again, seen as one change": {
			see:  []component.Observation{seen("a", "one"), withUID(seen("a", "one"), "second")},
			want: []message{{"a", "one"}, {"a", "one"}},
		},
		"malformed from the start": {see: []component.Observation{malformed("a")}},
		"malformed later":          {see: []component.Observation{seen("a", "one"), malformed("a")}, want: []message{{"a", "one"}}},
		"readable again":           {see: []component.Observation{seen("a", "one"), malformed("a"), seen("a", "one")}, want: []message{{"a", "one"}}, suppressed: 1},
		"malformed, then deleted":  {see: []component.Observation{seen("a", "one"), malformed("a"), deleted("a")}, want: []message{{"a", "one"}, {"a", gone}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, l := newTerm(t)
			for _, o := range test.see {
				l.observed(o)
				testwait.Until(t, "an unknown component's deletion to be looked at", func() bool { return l.to.queue.Idle(nameOf(o)) })
			}
			b.expectHistory(t, test.want)
			testcheck.Equal(t, "suppressed", test.suppressed, count(b.metrics.suppressed))
			testcheck.ErrorIs(t, "Lead after a stop", nil, l.end())
		})
	}
}

func nameOf(o component.Observation) inventory.Name {
	return inventory.Name{Namespace: o.Namespace, Name: o.Name}
}

func TestPublisher_EventHasTheObservation(t *testing.T) {
	b, l := newTerm(t)
	first, second := seen("a", "one"), deleted("a")
	l.observed(first)
	l.observed(second)
	key := component.Key{Cluster: cluster, Namespace: ns, Name: "a"}
	upserted, tombstone := event.Upserted(key, first), event.Tombstone(key, second.UID, second.ResourceVersion, second.Seen)
	upserted.Sequence, tombstone.Sequence = 1, 2
	upserted.Time, tombstone.Time = upserted.Time.UTC(), tombstone.Time.UTC()
	testcheck.Equal(t, "events", []event.Event{upserted, tombstone}, b.events(t))
	testcheck.Equal(t, "upserts counted", 1, count(b.metrics.published.WithLabelValues("upserted")))
	testcheck.Equal(t, "deletions counted", 1, count(b.metrics.published.WithLabelValues("deleted")))
}

// An observation is compared with the queue and the publish under way.
func TestPublisher_NewestWinsWhilePublishing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before []component.Observation // published before
		during []component.Observation // the publish of the first is blocked while the others are reported
		want   []string
	}{
		"back to what is published": {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B"), seen("a", "A")}, []string{"A", "B", "A"}},
		"back to what is in flight": {nil, []component.Observation{seen("a", "A"), seen("a", "B"), seen("a", "A")}, []string{"A"}},
		"many changes":              {nil, []component.Observation{seen("a", "A"), seen("a", "B"), seen("a", "C"), seen("a", "D")}, []string{"A", "D"}},
		"deleted in the meantime":   {nil, []component.Observation{seen("a", "A"), deleted("a")}, []string{"A", gone}},
		"deleted and created again": {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a"), withUID(seen("a", "A"), "second")}, []string{"A", gone, "A"}},
		"created again, the tombstone waits": {
			[]component.Observation{seen("a", "A")},
			[]component.Observation{seen("a", "B"), deleted("a"), withUID(seen("a", "B"), "second")}, []string{"A", "B", "B"},
		},
		"malformed in the meantime": {nil, []component.Observation{seen("a", "A"), seen("a", "B"), malformed("a")}, []string{"A", "B"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, log, l := newInterceptedTerm(t)
			l.observed(test.before...)
			release := log.block()
			l.observe(test.during[0])
			testwait.Until(t, "the first publish to be under way", func() bool { return log.blocked() == 1 })
			l.observe(test.during[1:]...)
			testcheck.Equal(t, "publishes of one component at a time", 1, log.blocked())
			release()
			l.awaitIdle()
			b.expectContents(t, "a", test.want)
		})
	}
}

func TestPublisher_LostAnswerDoublesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, first, next []component.Observation
		want                []string
	}{
		"repeated":                 {nil, []component.Observation{seen("a", "A")}, nil, []string{"A"}},
		"a newer one waits":        {nil, []component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B")}, []string{"A", "B"}},
		"reverted in the meantime": {[]component.Observation{seen("a", "A")}, []component.Observation{seen("a", "B")}, []component.Observation{seen("a", "A")}, []string{"A", "B", "A"}},
		"deletion repeated":        {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a")}, nil, []string{"A", gone}},
		"deleted and re-created":   {[]component.Observation{seen("a", "A")}, []component.Observation{deleted("a")}, []component.Observation{withUID(seen("a", "A"), "second")}, []string{"A", gone, "A"}},
		"created and deleted":      {nil, []component.Observation{seen("a", "A")}, []component.Observation{deleted("a")}, []string{"A", gone}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, log, l := newInterceptedTerm(t)
			l.observed(test.before...)
			release := log.block()
			log.set(func() { log.loseAck["a"] = 1 })
			l.observe(test.first...)
			testwait.Until(t, "the publish to be under way", func() bool { return log.blocked() == 1 })
			l.observe(test.next...)
			release()
			l.awaitIdle()
			b.expectContents(t, "a", test.want)
		})
	}
}

func TestPublisher_RetriesTransientFailures(t *testing.T) {
	b := newParallel(t)
	log := intercept(b.log)
	log.fail["a"] = fmt.Errorf("out of space for now")
	l := b.lead(t, log)
	l.observe(seen("a", "A"), seen("b", "B"))
	testwait.Until(t, "some tries", func() bool { return count(b.metrics.retried) >= 2 })
	l.observe(seen("a", "newer"))
	testwait.Until(t, "the other one to be published", func() bool { return b.heads(t)["b"] == "B" })
	log.set(func() { delete(log.fail, "a") })
	l.awaitIdle()
	b.expectContents(t, "a", []string{"newer"})
}

// Observe asks whether a key is idle and then reads its entry, while workers change entries and become idle. Each
// goroutine is the source of one scope and toggles between few contents, so that most sights meet a publish.
func TestPublisher_ObserveDuringPublish(t *testing.T) {
	const scopes, names, sights = 4, 3, 400
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	b, l := newTerm(t)
	l.resync(all)
	want := make(map[string]string)
	var mu sync.Mutex
	var sources sync.WaitGroup
	for s := range scopes {
		sources.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(s)))
			last := make(map[string]string)
			for range sights {
				name := fmt.Sprintf("s%d-n%d", s, random.IntN(names))
				content := fmt.Sprint(random.IntN(2))
				testcheck.ErrorIs(t, "observe", nil, l.to.Observe(l.ctx, 0, seen(name, content)))
				last[name] = content
			}
			mu.Lock()
			defer mu.Unlock()
			for name, content := range last {
				want[name] = content
			}
		})
	}
	sources.Wait()
	l.awaitIdle()
	b.expectHeads(t, want)
	// Two messages of one component in a row never say the same.
	last := make(map[string]string)
	for _, e := range b.events(t) {
		m := short(e)
		if last[m.Name] == m.Content {
			t.Errorf("%s was published twice as %q", m.Name, m.Content)
		}
		last[m.Name] = m.Content
	}
}
