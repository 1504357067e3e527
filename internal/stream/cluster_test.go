package stream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// TestCluster takes three servers through what one server cannot show: replicas, conflicts among them and the loss of
// a leader. The servers start once, since that takes seconds.
func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := streamtest.StartCluster(t, 3)
	conn := cluster.Conn(t)
	conn.Timing = natsconn.Timing{Idle: 3 * time.Second, Heartbeat: time.Second}

	one := cluster.Conn(t, func(c *natsconn.Config) { c.Replicas = 1 })
	first := publish(t, ensureLog(t, one), upsert(keyOf("a"), "A"), 0)
	log := ensureLog(t, conn)
	client := js(t, cluster[0])
	testcheck.MustEqual(t, "replicas, of which there was one", 3, must(client.Stream(within(t), stream.StreamName)).CachedInfo().Config.Replicas)
	for asked, want := range map[int]int{0: 3, 1: 1} { // 0 keeps them; fewer have to be asked for
		ensureLog(t, cluster.Conn(t, func(c *natsconn.Config) { c.Replicas = asked }))
		testcheck.Equal(t, fmt.Sprintf("replicas after STREAM_REPLICAS=%d", asked), want, must(client.Stream(within(t), stream.StreamName)).CachedInfo().Config.Replicas)
		log = ensureLog(t, conn)
	}
	// The new replicas have to catch up before a server may be lost.
	eventually(t, "the replicas are current", func() bool {
		info, err := must(client.Stream(within(t), stream.StreamName)).Info(within(t))
		return err == nil && current(info.Cluster)
	})

	claims := must(store.EnsureClaims(within(t), conn, "target-default", "one"))
	states, consumer := must(store.EnsureStates(within(t), log, "default")), open(t, consumerOf(t, log), 8)

	t.Run("compare and set", func(t *testing.T) {
		head := superseded(t, 0, secondOf(log.Publish(within(t), upsert(keyOf("a"), "B"), 0)))
		testcheck.Equal(t, "sequence of the head", first, head.Sequence)
		testcheck.Equal(t, "sequence of the repeat", first, publish(t, log, upsert(keyOf("a"), "A"), 0))
		revision := must(states.Save(within(t), target.State{Key: keyOf("a"), Sequence: 1}))
		for name, stale := range map[string]uint64{"new": 0, "older": revision + 10} {
			if _, err := states.Save(within(t), target.State{Key: keyOf("a"), Revision: stale}); !errors.Is(err, target.ErrConflict) {
				t.Errorf("state saved as %s: %v, want ErrConflict", name, err)
			}
		}
		_, release, err := claims.Acquire(t.Context(), "a")
		testcheck.NoError(t, err)
		if _, _, err := claims.Acquire(within(t), "a"); !errors.Is(err, target.ErrClaimed) {
			t.Errorf("claimed twice: %v", err)
		}
		testcheck.NoError(t, release(within(t)))
	})
	for _, what := range []string{stream.StreamName, "KV_" + store.ClaimsBucket} {
		t.Run("loss of the leader of "+what, func(t *testing.T) {
			loseLeader(t, cluster, what, log, claims, consumer)
		})
	}
}

func current(info *jetstream.ClusterInfo) bool {
	if info == nil || info.Leader == "" || len(info.Replicas) != 2 {
		return false
	}
	return info.Replicas[0].Current && info.Replicas[1].Current
}

// loseLeader publishes all the time while the server that leads the stream stops and comes back. Every event must
// be stored once, and the consumer must deliver the newest one of each component.
func loseLeader(t *testing.T, cluster streamtest.Cluster, name string, log *stream.Log, claims *store.Claims, consumer *stream.Consumer) {
	const keys, rounds = 4, 30
	ctx := within(t)
	var publishing errgroup.Group
	half := make(chan struct{}, keys)
	newest := make([]uint64, keys)
	for k := range keys {
		key := component.Key{Cluster: "test", Namespace: name, Name: fmt.Sprint("c", k)}
		publishing.Go(func() error {
			for round := range rounds {
				e := upsert(key, fmt.Sprint(round))
				for {
					try, cancel := context.WithTimeout(ctx, time.Second)
					sequence, err := log.Publish(try, e, newest[k])
					cancel()
					if err == nil {
						newest[k] = sequence
						break
					}
					if refused := new(stream.SupersededError); errors.As(err, &refused) || ctx.Err() != nil {
						return fmt.Errorf("round %d of %s: %w", round, key, err)
					}
				}
				if round == rounds/2 {
					half <- struct{}{}
				}
			}
			return nil
		})
	}
	for range keys {
		<-half
	}
	leader := cluster.Leader(name)
	if leader == nil {
		t.Fatalf("%s has no leader", name)
	}
	leader.Shutdown()
	testcheck.ErrorIs(t, "wait", nil, publishing.Wait())
	eventually(t, "a claim is acquired without that server", func() bool {
		try, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		held, release, err := claims.Acquire(try, name)
		if err != nil {
			return false
		}
		return errors.Join(target.Held(held), release(ctx)) == nil
	})
	got := make(map[component.Key]uint64)
	want := make(map[component.Key]uint64)
	for k, sequence := range newest {
		want[component.Key{Cluster: "test", Namespace: name, Name: fmt.Sprint("c", k)}] = sequence
	}
	for !cmp.Equal(want, got) {
		d, err := consumer.Next(ctx)
		if err != nil {
			t.Fatalf("%v: given %v, want %v", err, got, want)
		}
		if d.Key.Namespace == name {
			got[d.Key] = max(got[d.Key], d.Sequence)
		}
		_ = d.Ack() // a lost acknowledgement brings it again
	}
	leader.Restart(t)
	cluster.WaitForLeader(t)
	read := make(map[component.Key]uint64)
	eventually(t, "the heads can be read", func() bool {
		return log.Heads(ctx, "test", func(h event.Head) {
			if h.Key.Namespace == name {
				read[h.Key] = h.Sequence
			}
		}) == nil
	})
	testcheck.Equal(t, "heads", want, read)
	info := must(must(js(t, cluster[0]).Stream(ctx, stream.StreamName)).Info(ctx, jetstream.WithSubjectFilter(event.ComponentPrefix+".test."+event.Token(name)+".>")))
	for subject, messages := range info.State.Subjects {
		testcheck.Equal(t, fmt.Sprintf("messages of %s", subject), rounds, messages)
	}
}
