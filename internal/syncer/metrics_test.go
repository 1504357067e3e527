package syncer_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/target"
)

// Each attempt is timed under its outcome. An event's time to the registry counts once: a comparison of what arrived long
// ago says nothing of it.
func TestTimesOfApplies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	away := true
	b.registry.script(func(_ context.Context, c call) error {
		switch {
		case c.Name == "bad":
			return &target.Failure{Class: target.ClassInvalid, Request: "POST /components/", Status: 422}
		case c.Content == "A" && away: // one call at a time
			away = false
			return &target.Failure{Class: target.ClassRateLimited, Request: "POST /components/", Status: 429}
		}
		return nil
	})
	r := b.start(setup{})
	b.put("a", "A")
	b.idle()
	b.put("bad", "A")
	b.put("a", "B")
	b.idle()
	b.remove("a")
	b.idle()
	if _, err := r.syncer.Reconcile(t.Context(), key("a")); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{"end to end": r.observed("odasync_end_to_end_seconds", "")}
	for _, outcome := range []string{"applied", "deleted", "failed", "retried"} {
		got[outcome] = r.observed("odasync_apply_duration_seconds", outcome)
	}
	// Two versions and a deletion, which the comparison found to be as it should be.
	want := map[string]int{"applied": 2, "deleted": 2, "failed": 1, "retried": 1, "end to end": 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	if r.lost() != 0 {
		t.Errorf("%d claims lost", r.lost())
	}
}
