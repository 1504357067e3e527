package watcher

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/logtest"
)

// many are components of one namespace, numbered from first on.
func many(namespace string, first, count int) []component.Observation {
	all := make([]component.Observation, count)
	for i := range all {
		all[i] = seenIn(namespace, fmt.Sprintf("%s-c%d", namespace, first+i), "A")
	}
	return all
}

// tombstones counts the components whose newest message is one.
func (b *bench) tombstones(t testing.TB) int {
	t.Helper()
	sum := 0
	for _, content := range b.heads(t) {
		if content == gone {
			sum++
		}
	}
	return sum
}

func (b *bench) held() int { return int(testutil.ToFloat64(b.metrics.held)) }

const refusedWords = "deletions refused"

// An API server that was restored by mistake shows an empty list.
func TestAnEmptyListAfterARestartDeletesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := scope(t, "all")
	l := b.lead(t, b.log)
	l.round(all, many(ns, 0, 20)...)
	l.settled()
	_ = l.end()

	var log logtest.Buffer
	b.watcher.log = zerolog.New(&log)
	l = b.lead(t, b.log)
	l.round(all)
	l.settled()
	refused := b.watcher.Refused()
	if len(refused) != 1 || refused[0].Gone != 20 || refused[0].All != 20 || refused[0].Place != "cluster east, namespaces all" || len(refused[0].Components) != 10 {
		t.Fatalf("refused %+v", refused)
	}
	if got := b.tombstones(t); got != 0 {
		t.Errorf("%d tombstones", got)
	}
	if got := b.held(); got != 20 {
		t.Errorf("the metric shows %d held deletions", got)
	}
	for _, word := range []string{`"approval":"` + refused[0].ID + `"`, `"components":20,"of":20`, "ctl reconcile --approve", `"level":"error"`} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("the log lacks %s:\n%s", word, &log)
		}
	}
	m := l.fullSync()
	if diff := cmp.Diff(refused, m.Refused); diff != "" {
		t.Errorf("refused in the marker (-Refused() +marker):\n%s", diff)
	}
	if m.Tombstoned != 0 || m.Count != 20 || b.tombstones(t) != 0 {
		t.Errorf("marker %+v", m)
	}
	if got := strings.Count(log.String(), refusedWords); got != 1 {
		t.Errorf("the same refusal is logged %d times:\n%s", got, &log)
	}

	l.round(all, many(ns, 0, 19)...) // the mistake was noticed
	l.settled()
	if refused := b.watcher.Refused(); len(refused) != 0 || b.held() != 0 {
		t.Errorf("still refused: %+v, %d", refused, b.held())
	}
	if got := b.tombstones(t); got != 1 {
		t.Errorf("%d tombstones, want the one that is really gone", got)
	}
}

func TestWhatIsApprovedIsDeletedAtTheNextRound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var log logtest.Buffer
	b.watcher.log = zerolog.New(&log)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, many(ns, 0, 30)...)
	l.settled()
	l.round(all, many(ns, 0, 10)...)
	first := b.watcher.Refused()
	if len(first) != 1 {
		t.Fatalf("refused %+v", first)
	}
	l.round(all, many(ns, 0, 11)...) // one is back: another set
	second := b.watcher.Refused()
	if len(second) != 1 || second[0].ID == first[0].ID || second[0].Gone != 19 {
		t.Fatalf("refused %+v", second)
	}
	if err := b.approvals.Approve(t.Context(), first[0].ID); err != nil {
		t.Fatal(err)
	}
	l.round(all, many(ns, 0, 11)...)
	l.settled()
	if got := b.tombstones(t); got != 0 {
		t.Fatalf("%d tombstones by the approval of another set", got)
	}
	if got := strings.Count(log.String(), refusedWords); got != 2 {
		t.Errorf("two refusals are logged %d times", got)
	}
	if err := b.approvals.Approve(t.Context(), second[0].ID); err != nil {
		t.Fatal(err)
	}
	if m := l.fullSync(many(ns, 0, 11)...); m.Tombstoned != 19 || m.Count != 11 || len(m.Refused) != 0 {
		t.Errorf("marker %+v", m)
	}
	if got := b.tombstones(t); got != 19 || b.held() != 0 || len(b.watcher.Refused()) != 0 {
		t.Errorf("%d tombstones, %d held", got, b.held())
	}
	if !strings.Contains(log.String(), "deletions were approved") {
		t.Errorf("the log does not tell of the approval:\n%s", &log)
	}
}

// Whether there is an approval is not known while NATS is away: then nothing is deleted.
func TestNoApprovalIsInferredFromAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, many(ns, 0, 10)...)
	l.settled()
	b.server.Shutdown()
	l.round(all)
	if got := len(b.watcher.Refused()); got != 1 || b.held() != 10 {
		t.Errorf("%d refusals, %d held", got, b.held())
	}
	b.server.Restart(t)
	l.settled()
	eventually(t, "the connection", func() bool { return b.conn.Check(t.Context()) == nil })
	if got := b.tombstones(t); got != 0 {
		t.Errorf("%d tombstones", got)
	}
}

func TestExplicitDeletionsAreNeverHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	l.round(all, many(ns, 0, 20)...)
	l.settled()
	l.round(all) // all are held back
	if got := b.held(); got != 20 {
		t.Errorf("%d held", got)
	}
	for _, o := range many(ns, 0, 15) {
		l.observe(deleted(o.Name))
	}
	l.settled()
	if got := b.tombstones(t); got != 15 {
		t.Errorf("%d tombstones, want the 15 that the source reported", got)
	}
	l.round(all) // the rest is few
	l.settled()
	if got := b.tombstones(t); got != 20 || b.held() != 0 {
		t.Errorf("%d tombstones, %d held", got, b.held())
	}
}

func TestBelowTheThresholdDeletionsGoThrough(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		percent, before, after int
		through                bool
	}{
		"nine of ten":    {30, 10, 1, true},
		"ten of ten":     {30, 10, 0, false},
		"30 percent":     {30, 40, 28, true},
		"a little more":  {30, 40, 27, false},
		"none is enough": {0, 40, 30, false},
		"all are":        {100, 40, 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.watcher.guard.MaxPercent = test.percent
			l := b.lead(t, b.log)
			all := scope(t, "all")
			l.round(all, many(ns, 0, test.before)...)
			l.settled()
			l.round(all, many(ns, 0, test.after)...)
			l.settled()
			want := 0
			if test.through {
				want = test.before - test.after
			}
			if got := b.tombstones(t); got != want || (b.held() == 0) != test.through {
				t.Errorf("%d tombstones, want %d; %d held", got, want, b.held())
			}
		})
	}
}

func TestEachScopeIsHeldByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	l := b.lead(t, b.log)
	l.round(one, many("one", 0, 30)...)
	l.round(two, many("two", 0, 30)...)
	l.settled()
	l.round(one)
	l.round(two, many("two", 0, 30)...)
	l.settled()
	refused := b.watcher.Refused()
	if len(refused) != 1 || refused[0].Place != "cluster east, namespaces one" || refused[0].All != 60 {
		t.Fatalf("refused %+v", refused)
	}
	l.round(two)
	if got := b.watcher.Refused(); len(got) != 2 || b.held() != 60 || got[0].ID != refused[0].ID || got[1].ID == got[0].ID {
		t.Fatalf("refused %+v", got)
	}
	if err := b.approvals.Approve(t.Context(), refused[0].ID); err != nil {
		t.Fatal(err)
	}
	l.round(one)
	l.round(two)
	l.settled()
	if got := b.tombstones(t); got != 30 || b.held() != 30 {
		t.Errorf("%d tombstones, %d held, want 30 and 30", got, b.held())
	}
}

// Where each namespace is a scope of its own, an empty cluster is many small parts that vanish.
func TestAnEmptyClusterOfManySmallScopes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const scopes, each = 20, 5
	for s := range scopes {
		b.source.scopes = append(b.source.scopes[:s], scope(t, fmt.Sprintf("team-%d", s)))
	}
	l := b.lead(t, b.log)
	for s, part := range b.source.scopes {
		l.round(part, many(fmt.Sprintf("team-%d", s), 0, each)...)
	}
	l.settled()
	for range 4 { // full syncs
		l.fullSync()
		if got := b.tombstones(t); got != 30 || b.held() != scopes*each-30 {
			t.Fatalf("%d tombstones, %d held; at most 30 of 100 may go unasked", got, b.held())
		}
	}
	for _, refused := range b.watcher.Refused() {
		if err := b.approvals.Approve(t.Context(), refused.ID); err != nil {
			t.Fatal(err)
		}
	}
	if m := l.fullSync(); m.Count != 0 || len(m.Refused) != 0 || b.held() != 0 {
		t.Errorf("after the approval of all: %+v", m)
	}
}

// A few here and a few there, each time all of a scope: what went long ago does not count.
func TestSmallDeletionsDoNotAddUpOverTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := scope(t, "one"), scope(t, "two")
	b.source.scopes = []component.Scope{one, two}
	l := b.lead(t, b.log)
	left := 40
	for left > 0 {
		for _, part := range b.source.scopes {
			l.round(part, many(part.String(), 0, left)...)
		}
		l.settled()
		left -= 4
		for _, part := range b.source.scopes {
			l.round(part, many(part.String(), 0, left)...)
		}
		l.settled()
		if got := b.held(); got != 0 {
			t.Fatalf("%d held with %d left", got, left)
		}
	}
	if got := b.tombstones(t); got != 80 {
		t.Errorf("%d tombstones, want 80", got)
	}
}

// What never came into the stream needs no deletion, and so no approval.
func TestWhatWasNeverPublishedIsNotHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	all := scope(t, "all")
	shows := many(ns, 0, 5)
	for i := range 20 {
		shows = append(shows, malformed(fmt.Sprintf("broken-%d", i)))
	}
	l.round(all, shows...)
	l.settled()
	l.round(all, many(ns, 0, 4)...)
	l.settled()
	if got := b.tombstones(t); got != 1 || b.held() != 0 {
		t.Errorf("%d tombstones, %d held, want 1 and none", got, b.held())
	}
}

func TestNothingIsHeldWithoutTheLead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lead(t, b.log)
	l.round(scope(t, "all"), many(ns, 0, 20)...)
	l.settled()
	l.round(scope(t, "all"))
	if len(b.watcher.Refused()) != 1 || b.held() != 20 {
		t.Fatalf("held %d", b.held())
	}
	since := b.watcher.Refused()[0].Time
	_ = l.end()
	if got := b.watcher.Refused(); len(got) != 0 || got == nil || b.held() != 0 {
		t.Errorf("after the term: %v, %d held", got, b.held())
	}
	l = b.lead(t, b.log)
	l.round(scope(t, "all"))
	if got := b.watcher.Refused(); len(got) != 1 || got[0].Time.Before(since) || time.Since(got[0].Time) > patience {
		t.Errorf("the next leader: %+v", got)
	}
}
