package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/natsconn"
	"odasync/internal/refregistry"
	"odasync/internal/stream"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestStream_LostUnderLoad lets NATS lose all data three times while Components change and applies are in progress. The
// watcher is frozen, so that the new stream stays empty for a while: a component without messages is unknown then, not deleted.
// No component that exists may be deleted from the registry, not even for a moment.
func TestStream_LostUnderLoad(t *testing.T) {
	const losses, components = 3, 60
	f := newFleet(t, "faults-stream-lost")
	f.watch(1, map[string]string{"SYNC_INTERVAL": "5"})
	f.sync(3, nil)
	for i := range components {
		f.apply(fmt.Sprintf("steady-%d", i), "0")
	}
	f.AwaitInSync(2 * testenv.Timeout)

	for loss := range losses {
		load := f.load(components, 1+loss*1_000_000)
		held := newGate(t, func(r *http.Request) bool {
			user, _, _ := r.BasicAuth()
			return r.Method == http.MethodPut && user != "syncer-3" // which stays free to open the new stream
		})
		f.Registry.SetFault(held.fault)
		held.await(f.Within(testenv.Timeout), 4) // a syncer begins with four components at a time
		f.Must(f.watchers[0].Freeze(f.Within(testenv.Timeout)))
		f.loseNATS()
		f.emptyStream()
		f.Registry.SetFault(nil) // for further requests: those held back stay so
		f.Eventually(2*testenv.Timeout, "a syncer has opened the new stream", f.anyConsumer)
		held.open()
		// The applies in progress end now, and their outcomes are decided with an empty stream. No event marks the absence of a
		// wrong decision: the pause covers the lifetime of a claim and of an ack wait.
		f.Must(procs.Pause(t.Context(), 2*stream.AckWait))
		f.Must(f.watchers[0].Thaw())
		load()
		f.AwaitInSync(2 * time.Minute)
	}
	f.AwaitReady(f.watchers...)
	f.AwaitReady(f.syncers...)
	f.findings()
	var deleted []string
	for _, write := range f.Registry.History() {
		if write.Method == http.MethodDelete && write.Kind == refregistry.KindComponent && strings.HasPrefix(write.Component, "steady-") {
			deleted = append(deleted, fmt.Sprintf("%s at %s by %s", write.Component, write.Time.Format("15:04:05.000"), write.Writer))
		}
	}
	none(f, "components deleted from the registry that exist in the cluster", deleted)
}

// load changes the steady components in turn, with versions from the number on, until the returned function is called, which
// waits for the end.
func (f *fleet) load(components, version int) (end func()) {
	f.Helper()
	working, done := context.WithCancel(f.Context())
	var work sync.WaitGroup
	work.Go(func() {
		for ; working.Err() == nil; version++ {
			object := testenv.Component(f.Namespaces[0], fmt.Sprintf("steady-%d", version%components), fmt.Sprint(version), "first")
			if err := shared.Apply(f.Context(), object); err != nil {
				f.Errorf("change a Component: %v", err)
				return
			}
			_ = procs.Pause(working, 10*time.Millisecond) // its end is the loop's
		}
	})
	f.Cleanup(done)
	return func() { done(); work.Wait() }
}

// loseNATS kills the server and restarts it without its data.
func (f *fleet) loseNATS() {
	f.Helper()
	f.NATS[0].Kill()
	f.Must(os.RemoveAll(f.Group.DataDir(f.NATS[0].Spec.Name)))
	f.RestartNATS()
}

// emptyStream creates the stream again, as a watcher does before it publishes.
func (f *fleet) emptyStream() {
	f.Helper()
	conn, err := natsconn.Connect(natsconn.Config{URL: f.NATSURL, Replicas: 1, History: 32}, "odasync-watcher", zerolog.Nop())
	f.Must(err)
	defer conn.Close()
	f.Eventually(testenv.Timeout, "the stream is created again", func() error {
		_, err := stream.EnsureLog(f.Within(testenv.Timeout), conn)
		return err
	})
}

// anyConsumer returns an error when the target has no consumer.
func (f *fleet) anyConsumer() error {
	_, err := f.JetStream().Consumer(f.Within(testenv.Timeout), stream.StreamName, "syncer-default")
	return err
}

// TestStream_OlderThanSyncState restores the stream from an older copy and keeps the sync state: messages published afterwards
// have lower sequences than the sync state. They are applied nevertheless, without a command.
func TestStream_OlderThanSyncState(t *testing.T) {
	const components, interval = 20, 5 * time.Second
	f := newFleet(t, "faults-rollback")
	f.watch(1, map[string]string{"SYNC_INTERVAL": interval.String()})
	f.sync(2, map[string]string{"SYNC_INTERVAL": interval.String()})
	change := func(version string, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			f.apply(fmt.Sprintf("steady-%d", i), version)
		}
		f.AwaitDone(testenv.Timeout)
	}
	change("1", 0, components)
	created := f.streamCreated()

	folder := filepath.Join(f.Group.DataDir(f.NATS[0].Spec.Name), "jetstream", "$G", "streams", stream.StreamName)
	older := filepath.Join(t.TempDir(), "older")
	f.Must(f.NATS[0].Stop())
	f.Must(os.CopyFS(older, os.DirFS(folder)))
	f.RestartNATS()
	for version := 2; version < 7; version++ {
		change(fmt.Sprint(version), 0, components)
	}
	newest := f.lastSequence()

	f.Must(f.NATS[0].Stop())
	f.Must(os.RemoveAll(folder))
	f.Must(os.CopyFS(folder, os.DirFS(older)))
	f.RestartNATS()
	if now := f.streamCreated(); !now.Equal(created) {
		t.Fatalf("the stream was created at %s, want %s: this is another stream", now, created)
	}
	restored := f.lastSequence()
	if restored >= newest {
		t.Fatalf("the stream ends with %d, want less than %d: it was not restored", restored, newest)
	}
	for i := range components / 2 { // the others keep what they had when the copy was restored
		f.apply(fmt.Sprintf("steady-%d", i), "7")
	}
	took := f.AwaitInSync(3*interval + testenv.Timeout)
	t.Logf("the stream went back from %d to %d; in sync %.1f s after the changes", newest, restored, took.Seconds())
	if last := f.lastSequence(); last >= newest {
		t.Errorf("the stream has reached %d again, want less than %d: nothing was published with a lower sequence", last, newest)
	}
	f.Delete(testenv.Component(f.Namespaces[0], "steady-0", ""))
	f.AwaitInSync(3*interval + testenv.Timeout)
	f.AwaitAllAcked(testenv.Timeout)
	f.findings()
}

func (f *fleet) streamCreated() time.Time {
	f.Helper()
	log, err := f.JetStream().Stream(f.Within(testenv.Timeout), stream.StreamName)
	f.Must(err)
	return log.CachedInfo().Created
}

// lastSequence is that of the stream's newest message.
func (f *fleet) lastSequence() uint64 {
	f.Helper()
	log, err := f.JetStream().Stream(f.Within(testenv.Timeout), stream.StreamName)
	f.Must(err)
	return log.CachedInfo().State.LastSeq
}
