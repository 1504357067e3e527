package syncer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/event"
)

// putAt is put for a change that the watcher has seen at that time.
func (b *bench) putAt(name, content string, seen time.Time) event.Event {
	b.t.Helper()
	e := upserted(name, content)
	newest, _, err := b.log.Newest(b.t.Context(), key(name))
	if err != nil {
		b.t.Fatal(err)
	}
	e.Time = seen
	if e.Sequence, err = b.log.Publish(b.t.Context(), e, newest.Sequence); err != nil {
		b.t.Fatal(err)
	}
	return e
}

// What waited for a while is skipped for what is newer, also where no two versions meet in the replica.
func TestOnlyTheNewestOfWhatWaitedIsApplied(t *testing.T) {
	t.Parallel()
	const versions = 20
	b := newBench(t)
	h := newHanded()
	r := b.start(byHand(h))
	long := time.Now().Add(-time.Minute)
	var events []event.Event
	for version := range versions {
		events = append(events, b.putAt("a", fmt.Sprint(version), long))
	}
	for number, e := range events { // one after the other
		h.give(number, e)
		eventually(t, "the message to be done", func() bool { return h.answers()[number] == "ack" })
	}
	if diff := cmp.Diff([]call{{"a", fmt.Sprint(versions - 1), false}}, b.registry.got("a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := r.outcome("superseded"); got != versions-1 {
		t.Errorf("%d superseded, want %d", got, versions-1)
	}
	if got := b.state("a"); got.Sequence != events[versions-1].Sequence || got.Intent != 0 {
		t.Errorf("state %+v", got)
	}
}
