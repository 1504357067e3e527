package stream_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/prune"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

// tells serves a status from a connection of its own.
func tells(t *testing.T, s *streamtest.Server, process string, status func(context.Context) any) (stop func()) {
	t.Helper()
	conn := s.Conn(t)
	waitConnected(t, conn)
	stop, err := conn.ServeStatus(process, status)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func watcherStatus(id string) stream.WatcherStatus {
	return stream.WatcherStatus{
		ProcessStatus: stream.ProcessStatus{ID: id, Version: "v1", Started: seen, Ready: true, Problems: []string{}},
		Cluster:       "edge.1", Leader: id == "w1", PendingDeletion: &prune.PendingDeletion{ID: "abc", Place: "cluster edge.1", Gone: 10, All: 10, Components: []string{"a"}, Time: seen},
	}
}

func TestStatusOfEveryProcess(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	asker := s.Conn(t)
	waitConnected(t, asker)
	began := time.Now()
	none, err := asker.Watchers(within(t))
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("without a process: %v, %v", none, err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("that nobody is there took %s", took)
	}

	var stops []func()
	for _, id := range []string{"w1", "w2", "w3"} {
		stops = append(stops, tells(t, s, stream.ProcessWatcher, func(context.Context) any { return watcherStatus(id) }))
	}
	syncer := stream.SyncerStatus{
		ProcessStatus: stream.ProcessStatus{ID: "s1", Version: "v1", Started: seen, Problems: []string{"registry: away"}},
		Target:        "lab.1", Registry: "http://registry", Breaker: "open", BreakerSince: seen, BreakerReason: "away", InFlight: 1, Limit: 2, Concurrency: 16,
	}
	tells(t, s, stream.ProcessSyncer, func(context.Context) any { return syncer })
	var got []stream.WatcherStatus
	eventually(t, "every watcher to be found", func() bool {
		got, err = asker.Watchers(within(t))
		return err != nil || len(got) == 3
	})
	slices.SortFunc(got, func(a, b stream.WatcherStatus) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff([]stream.WatcherStatus{watcherStatus("w1"), watcherStatus("w2"), watcherStatus("w3")}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	eventually(t, "the syncer to be found", func() bool {
		got, err := asker.Syncers(within(t))
		return err == nil && cmp.Equal([]stream.SyncerStatus{syncer}, got)
	})
	stops[1]()
	eventually(t, "one to have gone", func() bool {
		got, err := asker.Watchers(within(t))
		return err == nil && len(got) == 2 && got[0].ID != "w2" && got[1].ID != "w2"
	})
}

// The first answer may take a while: a process that is not well is slow.
func TestASlowProcessIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	asker := s.Conn(t)
	waitConnected(t, asker)
	began := make(chan struct{}, 10)
	release := make(chan struct{})
	tells(t, s, stream.ProcessWatcher, func(ctx context.Context) any {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("a status may take for ever")
		}
		began <- struct{}{}
		<-release
		return watcherStatus("w1")
	})
	var got []stream.WatcherStatus
	ended := make(chan error, 1)
	go func() {
		var err error
		for ctx := within(t); len(got) == 0 && err == nil && ctx.Err() == nil; { // the server may still learn of it
			got, err = asker.Watchers(ctx)
		}
		ended <- err
	}()
	<-began
	time.AfterFunc(time.Second, func() { close(release) })
	if err := <-ended; err != nil || len(got) != 1 || got[0].ID != "w1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStatusEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	asker := s.Conn(t)
	waitConnected(t, asker)
	release := make(chan struct{})
	began := make(chan struct{}, 10)
	stop := tells(t, s, stream.ProcessWatcher, func(context.Context) any { began <- struct{}{}; <-release; return nil })
	defer stop()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	var err error
	eventually(t, "an end", func() bool { _, err = asker.Watchers(ctx); return err != nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestAStatusThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	asker := s.Conn(t)
	waitConnected(t, asker)
	tells(t, s, stream.ProcessSyncer, func(context.Context) any { return "no object" })
	eventually(t, "an error", func() bool {
		_, err := asker.Syncers(within(t))
		return err != nil
	})
}
