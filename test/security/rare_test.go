package security

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/target"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// otherSettings has streams whose settings are not as they should be, and two watchers of one cluster.
func (w *worker) otherSettings(watcher, syncer *procs.Process) {
	w.Helper()
	w.Must(syncer.Stop())
	for role, names := range map[string][]string{
		"watcher": {"ODA_COMPONENTS", "KV_ODA_CLAIMS", "KV_ODA_RECORDS"},
		"syncer":  {"ODA_DEAD_LETTERS", "KV_ODA_SYNC_STATE"},
	} {
		w.disturb(role, names...)
	}
	alone := map[string]string{"LEADER_ELECTION": "false"}
	first := w.Start(watcher.Spec.With(alone))
	w.AwaitReady(first)
	second := watcher.Spec.With(alone)
	second.Name = "second"
	w.Must(w.Start(second).AwaitNotReady(w.Within(testenv.Timeout), "is published by watcher"))
	w.disturb("syncer", "KV_ODA_CLAIMS", "KV_ODA_RECORDS")
	w.AwaitReady(w.Start(syncer.Spec))
}

// disturb changes settings of streams that odasync owns, as the role.
func (w *worker) disturb(role string, names ...string) {
	w.Helper()
	nc, err := nats.Connect(w.NATSURL, nats.UserInfo(role, password(role)), nats.RootCAs(w.file("ca.crt")), nats.CustomInboxPrefix("_INBOX_"+role))
	w.Must(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	w.Must(err)
	for _, name := range names {
		s, err := js.Stream(w.Context(), name)
		w.Must(err)
		changed := s.CachedInfo().Config
		changed.Description = "changed by somebody"
		_, err = js.UpdateStream(w.Context(), changed)
		w.Must(err)
	}
}

// byHand does what the programs come to only after a while or with very many Components, through their own code.
func (w *worker) byHand() {
	w.Helper()
	ctx := w.Within(testenv.Timeout)
	log, _ := w.as(ctx, "watcher")
	key := component.Key{Cluster: w.Mapping.Cluster, Namespace: w.namespace, Name: "part-00"}
	gone, found, err := log.Newest(ctx, key)
	if err != nil || !found || !gone.Deleted() {
		w.Fatalf("%s has no tombstone: %v", key, err)
	}
	w.Must(log.Purge(ctx, key, gone.Sequence)) // of an old tombstone
	if _, found, err = log.Newest(ctx, key); err != nil || found {
		w.Errorf("%s was not purged: %v", key, err)
	}

	// An approval is used up by the watcher.
	_, conn := w.as(ctx, "ctl")
	given, err := conn.OpenRecords(ctx)
	w.Must(err)
	w.Must(given.Approve(ctx, "by hand"))
	_, conn = w.as(ctx, "watcher")
	used, err := conn.OpenRecords(ctx)
	w.Must(err)
	if approved, err := used.Consume(ctx, "by hand"); err != nil || !approved {
		w.Errorf("the watcher uses an approval: %v, %v", approved, err)
	}

	// So many entries that the server waits for the reader.
	const many = 3000
	for _, role := range []string{"syncer", "ctl"} {
		log, conn := w.as(ctx, role)
		records, err := conn.OpenRecords(ctx)
		w.Must(err)
		if approved, err := records.Approved(ctx, "never"); err != nil || approved {
			w.Errorf("%s reads an approval that nobody gave: %v, %v", role, approved, err)
		}
		states, err := log.OpenStates(ctx, "many-"+role)
		w.Must(err)
		for n := range many {
			key := component.Key{Cluster: "many", Namespace: "n", Name: fmt.Sprint(n)}
			_, err := states.Save(ctx, target.State{Key: key, Hash: strings.Repeat("h", 500)})
			w.Must(err)
		}
		count := 0
		w.Must(states.All(ctx, "many", func(target.State) { count++ }))
		if count != many {
			w.Errorf("%s reads %d of %d entries", role, count, many)
		}
	}
}

// as connects like a role's program.
func (w *worker) as(ctx context.Context, role string) (*stream.Log, *stream.Conn) {
	w.Helper()
	conn, err := stream.Dial(w.clientConfig(w.NATSURL, role), "odasync-"+role, func(err error) { w.Error(err) })
	w.Must(err)
	w.Cleanup(conn.Close)
	log, err := conn.OpenLog(ctx)
	w.Must(err)
	return log, conn
}

// restart restarts the server while every role reads. A reading that is lost goes on through another consumer.
func (w *worker) restart() *procs.Process {
	w.Helper()
	ctx, stop := context.WithCancel(w.Within(testenv.Timeout))
	var reading sync.WaitGroup
	var started [3]atomic.Bool
	for i, role := range roles {
		log, _ := w.as(ctx, role)
		reading.Go(func() {
			err := log.Follow(ctx, event.ClusterSubjects(w.Mapping.Cluster), time.Time{}, func(event.Event, error) error {
				started[i].Store(true)
				return nil
			})
			if err != nil {
				w.Errorf("%s reads: %v", role, err)
			}
		})
	}
	version := 10
	w.Eventually(testenv.Timeout, "everybody reads what is new", func() error {
		version++
		w.Apply(testenv.Component(w.namespace, "part-13", strconv.Itoa(version), "first"))
		for i, role := range roles {
			if !started[i].Load() {
				return fmt.Errorf("%s has read nothing", role)
			}
		}
		return nil
	})
	w.Must(w.NATS[0].Stop())
	w.RestartNATS()
	w.Eventually(testenv.Timeout, "the readings go on", func() error {
		var rules []rule
		for _, role := range roles {
			rules = append(rules, rule{role, publish, "$JS.API.CONSUMER.DELETE.ODA_COMPONENTS.*"})
		}
		if idle := unused(rules, used(w, w.NATS[0])); len(idle) != 0 {
			return errors.New(strings.Join(idle, ", "))
		}
		return nil
	})
	stop()
	reading.Wait()
	return w.NATS[0]
}

// syncerFirst has a syncer make what it shares with the watcher, which usually is faster.
func (w *worker) syncerFirst(t *testing.T) *procs.Process {
	t.Helper()
	fresh := &worker{Env: testenv.NewWithoutNATS(t, shared, w.namespace), authority: w.authority, namespace: w.namespace}
	fresh.start(fresh.Env)
	conn, err := stream.Dial(fresh.clientConfig(fresh.NATSURL, "watcher"), "odasync-watcher", func(err error) { t.Error(err) })
	must(t, err)
	defer conn.Close()
	_, err = conn.EnsureLog(fresh.Within(testenv.Timeout))
	must(t, err)
	fresh.AwaitReady(fresh.Start(fresh.SyncerSpec("first", fresh.clientEnv(fresh.NATSURL, "syncer"))))
	return fresh.NATS[0]
}
