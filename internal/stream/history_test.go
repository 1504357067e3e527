package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// told writes down events as <namespace>/<name> <status>@<sequence>.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (w *told) add(e event.Event, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what := "deleted"
	switch {
	case err != nil:
		what = "unreadable"
	case !e.Deleted():
		what = e.Component.DeploymentStatus
	}
	w.lines = append(w.lines, fmt.Sprintf("%s/%s %s@%d", e.Key.Namespace, e.Key.Name, what, e.Sequence))
}

func (w *told) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.lines...)
}

// expect waits for as many lines and compares them.
func (w *told) expect(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events, have %v", len(want), w.said()), func() bool { return len(w.said()) >= len(want) })
	testcheck.Equal(t, "events", want, w.said())
}

// past is a stream with a history, and when the server took its messages, for a test that is parallel to others.
func past(t *testing.T) (*streamtest.Server, *stream.Log, []time.Time) {
	t.Helper()
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	conn.Timing = natsconn.Timing{Idle: time.Second, Heartbeat: time.Second}
	log := ensureLog(t, conn)
	a, b := keyOf("a"), component.Key{Cluster: "test", Namespace: "other", Name: "a"}
	publish(t, log, upsert(a, "A"), 0)
	publish(t, log, upsert(b, "B"), 0)
	must(js(t, s).Publish(within(t), event.SnapshotSubject("test"), []byte("{}")))
	publish(t, log, event.Tombstone(a, "", "", seen), 1)
	must(js(t, s).Publish(within(t), event.Subject(keyOf("c")), []byte("hello")))
	publish(t, log, upsert(a, "again"), 4)
	publish(t, log, upsert(component.Key{Cluster: "test2", Namespace: "components", Name: "a"}, "elsewhere"), 0)
	opened := must(js(t, s).Stream(within(t), stream.StreamName))
	var times []time.Time
	for sequence := range uint64(7) {
		times = append(times, must(opened.GetMsg(within(t), sequence+1)).Time)
	}
	return s, log, times
}

func TestLog_History(t *testing.T) {
	_, log, times := past(t)
	tests := map[string]struct {
		filter string
		since  time.Time
		want   []string
	}{
		"all of a cluster":   {event.ClusterSubjects("test"), time.Time{}, []string{"components/a A@1", "other/a B@2", "components/a deleted@4", "components/c unreadable@5", "components/a again@6"}},
		"a component":        {event.Subject(keyOf("a")), time.Time{}, []string{"components/a A@1", "components/a deleted@4", "components/a again@6"}},
		"a name":             {event.Subjects("test", "", "a"), time.Time{}, []string{"components/a A@1", "other/a B@2", "components/a deleted@4", "components/a again@6"}},
		"a namespace":        {event.Subjects("test", "other", ""), time.Time{}, []string{"other/a B@2"}},
		"since a message":    {event.ClusterSubjects("test"), times[3], []string{"components/a deleted@4", "components/c unreadable@5", "components/a again@6"}},
		"since after it":     {event.ClusterSubjects("test"), times[3].Add(1), []string{"components/c unreadable@5", "components/a again@6"}},
		"since the end":      {event.ClusterSubjects("test"), times[5].Add(1), nil},
		"no match":           {event.Subjects("test", "", "unknown"), time.Time{}, nil},
		"no match, since":    {event.Subjects("test", "", "unknown"), times[0], nil},
		"of another cluster": {event.ClusterSubjects("test2"), times[0], []string{"components/a elsewhere@7"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got told
			testcheck.NoError(t, log.History(within(t), test.filter, test.since, got.add))
			testcheck.Equal(t, "history", test.want, got.said())
		})
	}
}

func TestLog_Before(t *testing.T) {
	s, log, _ := past(t)
	tests := map[string]struct {
		of     component.Key
		at     uint64
		before uint64 // 0: none
	}{
		"the first":                  {keyOf("a"), 1, 0},
		"the second":                 {keyOf("a"), 4, 1},
		"after a tombstone":          {keyOf("a"), 6, 4},
		"after one that is not ours": {keyOf("c"), 5, 0},
		"of no message":              {keyOf("a"), 99, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, found, err := log.Before(within(t), event.Event{Key: test.of, Sequence: test.at})
			testcheck.NoError(t, err)
			if found != (test.before != 0) || got.Sequence != test.before {
				t.Errorf("%d, found %v; want %d", got.Sequence, found, test.before)
			}
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		sequence := publish(t, log, upsert(keyOf("c"), "C"), 5)
		if _, found, err := log.Before(within(t), event.Event{Key: keyOf("c"), Sequence: sequence}); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
	t.Run("purged", func(t *testing.T) {
		must(0, must(js(t, s).Stream(within(t), stream.StreamName)).Purge(within(t)))
		sequence := publish(t, log, upsert(keyOf("a"), "B"), 0)
		if _, found, err := log.Before(within(t), event.Event{Key: keyOf("a"), Sequence: sequence}); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

// following runs Follow until the test ends it.
func following(t *testing.T, log *stream.Log, filter string, since time.Time) (*told, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended, got := make(chan error, 1), new(told)
	go func() {
		ended <- log.Follow(ctx, filter, since, func(e event.Event, err error) error { got.add(e, err); return nil })
	}()
	end := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = end() })
	return got, end
}

func TestLog_Follow(t *testing.T) {
	s, log, times := past(t)
	since, endSince := following(t, log, event.Subject(keyOf("a")), times[3])
	since.expect(t, "components/a deleted@4", "components/a again@6")

	// Nothing says that the other one has begun: what it is to see first comes again and again.
	fresh, endFresh := following(t, log, event.ClusterSubjects("test"), time.Time{})
	last := uint64(0)
	eventually(t, "the first new event", func() bool {
		last = publish(t, log, upsert(keyOf("new"), fmt.Sprint(last)), last)
		return len(fresh.said()) > 0
	})
	publish(t, log, upsert(keyOf("a"), "third"), 6)
	eventually(t, "the change", func() bool { return len(since.said()) == 3 })
	testcheck.Equal(t, "the change", fmt.Sprintf("components/a third@%d", last+1), since.said()[2])

	s.Restart(t)
	eventually(t, "published again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := log.Publish(ctx, upsert(keyOf("a"), "fourth"), last+1)
		return err == nil
	})
	want := fmt.Sprintf("components/a fourth@%d", last+2)
	eventually(t, "the change after the restart", func() bool {
		return len(since.said()) == 4 && since.said()[3] == want && slices.Contains(fresh.said(), want)
	})
	if all := fresh.said(); all[len(all)-1] != want {
		t.Errorf("want %s as the last: %v", want, all)
	}
	for _, line := range fresh.said() {
		if line == "components/a again@6" {
			t.Errorf("what was there before came, too: %v", fresh.said())
		}
	}
	testcheck.ErrorIs(t, "end", nil, errors.Join(endSince(), endFresh()))
}

func TestLog_FollowEndsWithTheStream(t *testing.T) {
	s, log, times := past(t)
	got := new(told)
	ended := make(chan error, 1)
	ctx := within(t)
	go func() {
		ended <- log.Follow(ctx, event.ClusterSubjects("test"), times[5], func(e event.Event, err error) error { got.add(e, err); return nil })
	}()
	got.expect(t, "components/a again@6")
	testcheck.NoError(t, js(t, s).DeleteStream(ctx, stream.StreamName))
	testcheck.ErrorIs(t, "end", stream.ErrLogMissing, <-ended)
}

func TestLog_FollowEndsWithItsReader(t *testing.T) {
	_, log, times := past(t)
	full := errors.New("full")
	for name, since := range map[string]time.Time{"in the past": times[0], "in the present": {}} {
		t.Run(name, func(t *testing.T) {
			ctx, calls, ended := within(t), 0, make(chan error, 1)
			go func() {
				ended <- log.Follow(ctx, event.ClusterSubjects("test"), since, func(event.Event, error) error { calls++; return full })
			}()
			last := uint64(0)
			eventually(t, "it ends", func() bool {
				select {
				case err := <-ended:
					if !errors.Is(err, full) || calls != 1 {
						t.Errorf("ended with %v after %d calls", err, calls)
					}
					return true
				default:
					key := keyOf(fmt.Sprint("x", since.Unix()))
					last = publish(t, log, upsert(key, fmt.Sprint(last)), last)
					return false
				}
			})
		})
	}
}
