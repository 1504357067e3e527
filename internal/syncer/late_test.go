package syncer_test

import (
	"fmt"
	"testing"
	"time"

	"odasync/internal/event"
	"odasync/internal/syncer/syncertest"
	"odasync/internal/testcheck"
)

// A late message is skipped for a newer one, also if no two versions wait in the replica.
func TestApply_SkipsLateMessages(t *testing.T) {
	const versions = 20
	b := syncertest.NewParallel(t)
	h := newManualDeliveries()
	r := b.Start(byHand(h))
	long := time.Now().Add(-time.Minute)
	var events []event.Event
	for version := range versions {
		events = append(events, b.PutAt("a", fmt.Sprint(version), long))
	}
	for number, e := range events { // one after the other
		h.give(number, e)
		syncertest.Eventually(t, "the message to be done", func() bool { return h.answers()[number] == "ack" })
	}
	testcheck.Equal(t, "calls", []syncertest.Call{{"a", fmt.Sprint(versions - 1), false}}, b.Registry.Calls("a"))
	testcheck.Equal(t, "superseded", versions-1, r.Outcome("superseded"))
	if got := b.State("a"); got.Sequence != events[versions-1].Sequence || got.Intent != 0 {
		t.Errorf("state %+v", got)
	}
}
