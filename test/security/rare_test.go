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
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// otherSettings makes the programs correct streams with changed settings, and starts two watchers for one cluster.
func (env *environment) otherSettings(watcher, syncer *procs.Process) {
	env.Helper()
	env.Must(syncer.Stop())
	for role, names := range map[string][]string{
		"watcher": {"ODA_COMPONENTS", "KV_ODA_CLAIMS", "KV_ODA_RECORDS"},
		"syncer":  {"ODA_DEAD_LETTERS", "KV_ODA_SYNC_STATE"},
	} {
		env.disturb(role, names...)
	}
	alone := map[string]string{"LEADER_ELECTION": "false"}
	first := env.Start(watcher.Spec.With(alone))
	env.AwaitReady(first)
	spec := watcher.Spec.With(alone)
	spec.Name = "second"
	second := env.Start(spec)
	env.AwaitNotReady(second, "is published by watcher")
	env.Must(second.Stop()) // its retries would correct the settings before the syncer does
	env.disturb("syncer", "KV_ODA_CLAIMS", "KV_ODA_RECORDS")
	env.AwaitReady(env.Start(syncer.Spec))
}

// disturb changes the settings of odasync's streams as the role.
func (env *environment) disturb(role string, names ...string) {
	env.Helper()
	nc, err := nats.Connect(env.NATSURL, nats.UserInfo(role, password(role)), nats.RootCAs(env.file("ca.crt")), nats.CustomInboxPrefix("_INBOX_"+role))
	env.Must(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	env.Must(err)
	for _, name := range names {
		s, err := js.Stream(env.Context(), name)
		env.Must(err)
		changed := s.CachedInfo().Config
		changed.Description = "changed by hand"
		_, err = js.UpdateStream(env.Context(), changed)
		env.Must(err)
	}
}

// changeByHand performs, through the programs' own code, operations that they need only after a while or with many Components.
func (env *environment) changeByHand() {
	env.Helper()
	ctx := env.Within(testenv.Timeout)
	log, _ := env.as(ctx, "watcher")
	key := component.Key{Cluster: env.Mapping.Cluster, Namespace: env.namespace, Name: "part-00"}
	gone, found, err := log.Newest(ctx, key)
	if err != nil || !found || !gone.Deleted() {
		env.Fatalf("%s has no tombstone: %v", key, err)
	}
	env.Must(log.Purge(ctx, key, gone.Sequence)) // of an old tombstone
	if _, found, err = log.Newest(ctx, key); err != nil || found {
		env.Errorf("%s was not purged: %v", key, err)
	}

	// The watcher consumes an approval.
	_, conn := env.as(ctx, "ctl")
	given, err := store.OpenRecords(ctx, conn)
	env.Must(err)
	env.Must(given.Approve(ctx, "by hand"))
	_, conn = env.as(ctx, "watcher")
	used, err := store.OpenRecords(ctx, conn)
	env.Must(err)
	if approved, err := used.Consume(ctx, "by hand"); err != nil || !approved {
		env.Errorf("the watcher uses an approval: %v, %v", approved, err)
	}

	// Enough entries for flow control by the server.
	const many = 3000
	for _, role := range []string{"syncer", "ctl"} {
		log, conn := env.as(ctx, role)
		records, err := store.OpenRecords(ctx, conn)
		env.Must(err)
		if approved, err := records.Approved(ctx, "never"); err != nil || approved {
			env.Errorf("%s reads an approval that was not given: %v, %v", role, approved, err)
		}
		states, err := store.OpenStates(ctx, log, "many-"+role)
		env.Must(err)
		for n := range many {
			key := component.Key{Cluster: "many", Namespace: "n", Name: fmt.Sprint(n)}
			_, err := states.Save(ctx, target.State{Key: key, Hash: strings.Repeat("h", 500)})
			env.Must(err)
		}
		count := 0
		env.Must(states.All(ctx, "many", func(target.State) { count++ }))
		if count != many {
			env.Errorf("%s reads %d of %d entries", role, count, many)
		}
	}
}

// as connects as a role's program does.
func (env *environment) as(ctx context.Context, role string) (*stream.Log, *natsconn.Conn) {
	env.Helper()
	conn, err := natsconn.Dial(ctx, env.clientConfig(env.NATSURL, role), "odasync-"+role, func(err error) { env.Error(err) })
	env.Must(err)
	env.Cleanup(conn.Close)
	log, err := stream.OpenLog(ctx, conn)
	env.Must(err)
	return log, conn
}

// restart restarts the server while every role reads. A lost consumer is replaced by another one.
func (env *environment) restart() *procs.Process {
	env.Helper()
	ctx, stop := context.WithCancel(env.Within(testenv.Timeout))
	var reading sync.WaitGroup
	var started [3]atomic.Bool
	for i, role := range roles {
		log, _ := env.as(ctx, role)
		reading.Go(func() {
			err := log.Follow(ctx, event.ClusterSubjects(env.Mapping.Cluster), time.Time{}, func(event.Event, error) error {
				started[i].Store(true)
				return nil
			})
			if err != nil {
				env.Errorf("%s reads: %v", role, err)
			}
		})
	}
	version := 10
	env.Eventually(testenv.Timeout, "every role reads new messages", func() error {
		version++
		env.Apply(testenv.Component(env.namespace, "part-13", strconv.Itoa(version), "first"))
		for i, role := range roles {
			if !started[i].Load() {
				return fmt.Errorf("%s has read nothing", role)
			}
		}
		return nil
	})
	env.Must(env.NATS[0].Stop())
	env.RestartNATS()
	env.Eventually(testenv.Timeout, "reading continues", func() error {
		var rules []rule
		for _, role := range roles {
			rules = append(rules, rule{role, publish, "$JS.API.CONSUMER.DELETE.ODA_COMPONENTS.*"})
		}
		if idle := unused(rules, used(env, env.NATS[0])); len(idle) != 0 {
			return errors.New(strings.Join(idle, ", "))
		}
		return nil
	})
	stop()
	reading.Wait()
	return env.NATS[0]
}

// syncerFirst lets a syncer create what it shares with the watcher, which usually is faster.
func (env *environment) syncerFirst(t *testing.T) *procs.Process {
	t.Helper()
	fresh := &environment{Env: testenv.NewWithoutNATS(t, shared, env.namespace), authority: env.authority, namespace: env.namespace}
	fresh.start(fresh.Env)
	conn, err := natsconn.Dial(t.Context(), fresh.clientConfig(fresh.NATSURL, "watcher"), "odasync-watcher", func(err error) { t.Error(err) })
	testcheck.NoError(t, err)
	defer conn.Close()
	_, err = stream.EnsureLog(fresh.Within(testenv.Timeout), conn)
	testcheck.NoError(t, err)
	fresh.AwaitReady(fresh.Start(fresh.SyncerSpec("first", fresh.clientEnv(fresh.NATSURL, "syncer"))))
	return fresh.NATS[0]
}
