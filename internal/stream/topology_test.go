package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// ensureAll creates or opens all that watcher and syncer need.
func ensureAll(ctx context.Context, conn *natsconn.Conn) error {
	log, err := stream.EnsureLog(ctx, conn)
	if err != nil {
		return err
	}
	_, claimsErr := store.EnsureClaims(ctx, conn, "target-default", "owner")
	_, statesErr := store.EnsureStates(ctx, log, "default")
	_, consumerErr := log.EnsureConsumer(ctx, "default", "http://registry:8000")
	return errors.Join(claimsErr, statesErr, consumerErr)
}

// own leaves of a stream's settings those that odasync cares for.
func own(c jetstream.StreamConfig) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: c.Name, Subjects: c.Subjects, Retention: c.Retention, Storage: c.Storage, Discard: c.Discard,
		MaxMsgsPerSubject: c.MaxMsgsPerSubject, MaxBytes: c.MaxBytes, MaxMsgs: c.MaxMsgs, MaxAge: c.MaxAge, MaxMsgSize: c.MaxMsgSize,
		Replicas: c.Replicas, Duplicates: c.Duplicates, AllowDirect: c.AllowDirect, AllowRollup: c.AllowRollup, DenyDelete: c.DenyDelete,
	}
}

func TestConn_EnsureByManyAtOnce(t *testing.T) {
	s := streamtest.StartParallel(t)
	ctx := within(t)
	var group errgroup.Group
	for range 8 {
		conn := s.Conn(t)
		waitConnected(t, conn)
		group.Go(func() error { return ensureAll(ctx, conn) })
	}
	testcheck.NoError(t, group.Wait())
	bucket := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, MaxBytes: -1, MaxMsgs: -1, MaxMsgSize: -1,
		Replicas: 1, AllowRollup: true, DenyDelete: true,
	}
	states, claims := bucket, bucket
	states.Name, states.Subjects, states.Duplicates = "KV_ODA_SYNC_STATE", []string{"$KV.ODA_SYNC_STATE.>"}, 2*time.Minute
	claims.Name, claims.Subjects, claims.Duplicates = "KV_ODA_CLAIMS", []string{"$KV.ODA_CLAIMS.>"}, 6*time.Second
	claims.MaxAge = 6 * time.Second
	want := []jetstream.StreamConfig{{
		Name: "ODA_COMPONENTS", Subjects: []string{"oda.components.v1.>", "oda.snapshots.v1.>"}, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 32, MaxBytes: -1, MaxMsgs: -1, MaxMsgSize: -1, Replicas: 1,
		Duplicates: 2 * time.Minute, AllowDirect: true, DenyDelete: true,
	}, states, claims}
	client := js(t, s)
	for _, config := range want {
		got := must(client.Stream(ctx, config.Name)).CachedInfo().Config
		testcheck.Equal(t, config.Name, config, own(got))
		if got.Metadata["odasync.layout"] != natsconn.Layout {
			t.Errorf("%s does not carry its layout: %v", config.Name, got.Metadata)
		}
	}
	consumer := must(client.Consumer(ctx, "ODA_COMPONENTS", "syncer-default")).CachedInfo().Config
	if consumer.MaxDeliver != -1 || consumer.AckPolicy != jetstream.AckExplicitPolicy || consumer.AckWait != stream.AckWait {
		t.Errorf("consumer: %+v", consumer)
	}
}

func TestConn_EnsureWithoutReplicas(t *testing.T) {
	s := streamtest.StartParallel(t)
	unset := func(c *natsconn.Config) { c.Replicas = 0 }
	ensureLog(t, s.Conn(t, unset))
	ensureLog(t, s.Conn(t, unset)) // again, of what exists
	testcheck.Equal(t, "replicas", 1, must(js(t, s).Stream(within(t), stream.StreamName)).CachedInfo().Config.Replicas)
}

func TestConn_EnsureUpdatesOnlyDifferences(t *testing.T) {
	s := streamtest.StartParallel(t)
	ctx := within(t)
	conn := s.Conn(t)
	ensureLog(t, conn)
	testcheck.NoError(t, ensureAll(ctx, conn))
	nc := s.NATS(t)
	updates := must(nc.SubscribeSync("$JS.API.STREAM.UPDATE.>"))
	testcheck.NoError(t, errors.Join(nc.Flush(), ensureAll(ctx, conn)))
	// The update that does change something comes last, so that none before it can hide.
	other := s.Conn(t, func(c *natsconn.Config) { c.History = 7 })
	ensureLog(t, other)
	first := must(updates.NextMsgWithContext(ctx))
	var asked jetstream.StreamConfig
	if err := json.Unmarshal(first.Data, &asked); err != nil || asked.MaxMsgsPerSubject != 7 {
		t.Errorf("the first update asks for history %d (%v), want 7", asked.MaxMsgsPerSubject, err)
	}
}

func TestConn_EnsureKeepsAdditions(t *testing.T) {
	s := streamtest.StartParallel(t)
	ctx := within(t)
	ensureLog(t, s.Conn(t))
	client := js(t, s)
	config := must(client.Stream(ctx, stream.StreamName)).CachedInfo().Config
	config.MaxMsgSize, config.Compression, config.MaxConsumers = 200_000, jetstream.S2Compression, -1
	config.RePublish = &jetstream.RePublish{Source: ">", Destination: "mirror.>"}
	config.Metadata = maps.Clone(config.Metadata)
	config.Metadata["team"] = "catalog"
	must(client.UpdateStream(ctx, config))

	ensureLog(t, s.Conn(t, func(c *natsconn.Config) { c.History, c.MaxBytes = 5, 1<<20 }))
	got := must(client.Stream(ctx, stream.StreamName)).CachedInfo().Config
	config.MaxMsgsPerSubject, config.MaxBytes = 5, 1<<20
	testcheck.Equal(t, "settings", config, got)
	ensureLog(t, s.Conn(t))
	got = must(client.Stream(ctx, stream.StreamName)).CachedInfo().Config
	config.MaxMsgsPerSubject, config.MaxBytes = 32, -1
	testcheck.Equal(t, "back again", config, got)
}
