package control_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/control"
	"odasync/internal/prune"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// serveStatus serves a status over a connection of its own.
func serveStatus(t *testing.T, s *streamtest.Server, process string, status func(context.Context) any) (stop func()) {
	t.Helper()
	stop, err := control.ServeStatus(connection(t, s), process, status)
	testcheck.NoError(t, err)
	return stop
}

func watcherStatus(id string) control.WatcherStatus {
	return control.WatcherStatus{
		ProcessStatus: control.ProcessStatus{ID: id, Version: "v1", Started: started, Ready: true, Problems: []string{}},
		Cluster:       "edge.1", Leader: id == "w1", Namespaces: "shop", PendingDeletion: &prune.PendingDeletion{ID: "abc", Place: "cluster edge.1", Gone: 10, All: 10, Components: []string{"a"}, Time: started},
	}
}

func TestClient_Statuses(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	client := control.NewClient(connection(t, s))
	began := time.Now()
	none, err := client.Watchers(within(t))
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("without a process: %v, %v", none, err)
	}
	testcheck.AtMost(t, "time of the answer that no process runs", 4*time.Second, time.Since(began))

	var stops []func()
	for _, id := range []string{"w1", "w2", "w3"} {
		stops = append(stops, serveStatus(t, s, control.ProcessWatcher, func(context.Context) any { return watcherStatus(id) }))
	}
	syncer := control.SyncerStatus{
		ProcessStatus: control.ProcessStatus{ID: "s1", Version: "v1", Started: started, Problems: []string{"registry: away"}},
		Target:        "lab.1", Registry: "http://registry", Breaker: "open", BreakerSince: started, BreakerReason: "away", InFlight: 1, Limit: 2, Concurrency: 16,
	}
	serveStatus(t, s, control.ProcessSyncer, func(context.Context) any { return syncer })
	var got []control.WatcherStatus
	eventually(t, "every watcher to be found", func() bool {
		got, err = client.Watchers(within(t))
		return err != nil || len(got) == 3
	})
	slices.SortFunc(got, func(a, b control.WatcherStatus) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff([]control.WatcherStatus{watcherStatus("w1"), watcherStatus("w2"), watcherStatus("w3")}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	eventually(t, "the syncer to be found", func() bool {
		got, err := client.Syncers(within(t))
		return err == nil && cmp.Equal([]control.SyncerStatus{syncer}, got)
	})
	stops[1]()
	eventually(t, "the stopped one to be gone", func() bool {
		got, err := client.Watchers(within(t))
		return err == nil && len(got) == 2 && got[0].ID != "w2" && got[1].ID != "w2"
	})
}

func TestClient_Watchers(t *testing.T) {
	t.Run("when the first response is slow", func(t *testing.T) {
		server, client := connect(t)
		began, release := make(chan struct{}, 10), make(chan struct{})
		_, err := control.ServeStatus(server, control.ProcessWatcher, func(ctx context.Context) any {
			if _, limited := ctx.Deadline(); !limited {
				t.Error("a status has no deadline")
			}
			began <- struct{}{}
			<-release
			return watcherStatus("w1")
		})
		testcheck.NoError(t, err)
		var got []control.WatcherStatus
		ended := make(chan error, 1)
		go func() {
			var err error
			for ctx := within(t); len(got) == 0 && err == nil && ctx.Err() == nil; { // the subscription may still be under way
				got, err = client.Watchers(ctx)
			}
			ended <- err
		}()
		<-began
		time.AfterFunc(time.Second, func() { close(release) })
		if err := <-ended; err != nil || len(got) != 1 || got[0].ID != "w1" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("when the context ends", func(t *testing.T) {
		server, client := connect(t)
		began, release := make(chan struct{}, 10), make(chan struct{})
		stop, err := control.ServeStatus(server, control.ProcessWatcher, func(context.Context) any { began <- struct{}{}; <-release; return nil })
		testcheck.NoError(t, err)
		defer stop()
		defer close(release)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		eventually(t, "an end", func() bool { _, err = client.Watchers(ctx); return err != nil })
		testcheck.ErrorIs(t, "end", context.Canceled, err)
	})
}

func TestClient_Syncers(t *testing.T) {
	t.Run("when a status cannot be decoded", func(t *testing.T) {
		server, client := connect(t)
		testcheck.Must(control.ServeStatus(server, control.ProcessSyncer, func(context.Context) any { return "no object" }))
		eventually(t, "an error", func() bool {
			_, err := client.Syncers(within(t))
			return err != nil
		})
	})
}
