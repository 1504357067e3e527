package syncer_test

import (
	"context"
	"testing"

	"odasync/internal/syncer/syncertest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// Each attempt is measured under its outcome. The latency of an event is measured once: a later comparison says nothing about
// it.
func TestMetrics_ApplyDurations(t *testing.T) {
	b := syncertest.NewParallel(t)
	away := true
	b.Registry.During(func(_ context.Context, c syncertest.Call) error {
		switch {
		case c.Name == "bad":
			return &target.Failure{Class: target.ClassInvalid, Request: "POST /components/", Status: 422}
		case c.Content == "A" && away: // one syncertest.Call at a time
			away = false
			return &target.Failure{Class: target.ClassRateLimited, Request: "POST /components/", Status: 429}
		}
		return nil
	})
	r := b.Start(syncertest.Setup{})
	b.Apply("a", "A")
	b.Put("bad", "A")
	b.Apply("a", "B")
	b.Remove("a")
	b.Idle()
	if _, err := r.Syncer.Applier.Reconcile(t.Context(), syncertest.Key("a"), target.Listed{}); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{"end to end": r.Observed("odasync_end_to_end_seconds", "")}
	for _, outcome := range []string{"applied", "deleted", "failed", "retried"} {
		got[outcome] = r.Observed("odasync_apply_duration_seconds", outcome)
	}
	// Two versions and a deletion, which the comparison found to be as it should be.
	want := map[string]int{"applied": 2, "deleted": 2, "failed": 1, "retried": 1, "end to end": 3}
	testcheck.Equal(t, "observations", want, got)
	testcheck.Equal(t, "claims lost", 0, r.ClaimsLost())
}
