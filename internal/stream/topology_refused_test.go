package stream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

func TestConn_EnsureLogReplicasNeedACluster(t *testing.T) {
	s := streamtest.StartParallel(t)
	ensureLog(t, s.Conn(t))
	_, err := stream.EnsureLog(within(t), s.Conn(t, func(c *natsconn.Config) { c.Replicas = 3 }))
	says(t, err, "update stream ODA_COMPONENTS", "replicas", "non-clustered")
	_, err = stream.OpenLog(within(t), s.Conn(t))
	testcheck.ErrorIs(t, "opening the stream, unharmed", nil, err)
}

func TestConn_EnsureRejectsForeignStreams(t *testing.T) {
	t.Parallel()
	ours := func(purpose, layout string) map[string]string {
		return map[string]string{"odasync.purpose": purpose, "odasync.layout": layout}
	}
	openStream := func(ctx context.Context, c *natsconn.Conn) error {
		_, err := stream.OpenLog(ctx, c)
		return err
	}
	ensureStream := func(ctx context.Context, c *natsconn.Conn) error { _, err := stream.EnsureLog(ctx, c); return err }
	claims := func(ctx context.Context, c *natsconn.Conn) error {
		_, err := store.EnsureClaims(ctx, c, "x", "y")
		return err
	}
	states := func(ctx context.Context, c *natsconn.Conn) error {
		log, err := stream.EnsureLog(ctx, c)
		if err != nil {
			return err
		}
		_, err = store.EnsureStates(ctx, log, "default")
		return err
	}
	tests := map[string]struct {
		config jetstream.StreamConfig
		try    func(context.Context, *natsconn.Conn) error
		words  []string
	}{
		"stream of another program": {jetstream.StreamConfig{Name: stream.StreamName, Subjects: []string{"orders.>"}}, ensureStream,
			[]string{"ODA_COMPONENTS exists but is not odasync's", "orders.>", "nats stream rm ODA_COMPONENTS"}},
		"opened, of another program": {jetstream.StreamConfig{Name: stream.StreamName, Subjects: []string{"orders.>"}}, openStream,
			[]string{"not odasync's"}},
		"bucket in the stream's place": {jetstream.StreamConfig{Name: stream.StreamName, Metadata: ours("claims", "1")}, ensureStream,
			[]string{"not odasync's", `purpose "claims"`}},
		"older layout": {jetstream.StreamConfig{Name: stream.StreamName, Metadata: ours("components", "0")}, ensureStream,
			[]string{`layout "0"`, `this program layout "1"`, "nats stream rm ODA_COMPONENTS", "fill it again"}},
		"newer layout": {jetstream.StreamConfig{Name: stream.StreamName, Metadata: ours("components", "2")}, openStream,
			[]string{`layout "2"`, "run the version of odasync that wrote it"}},
		"no layout": {jetstream.StreamConfig{Name: stream.StreamName, Metadata: map[string]string{"odasync.purpose": "components"}}, openStream,
			[]string{`layout ""`}},
		"foreign claims": {jetstream.StreamConfig{Name: "KV_ODA_CLAIMS", Subjects: []string{"$KV.ODA_CLAIMS.>"}}, claims,
			[]string{"KV_ODA_CLAIMS exists but is not odasync's"}},
		"sync state of an older layout": {jetstream.StreamConfig{Name: "KV_ODA_SYNC_STATE", Metadata: ours("sync state", "0")}, states,
			[]string{"KV_ODA_SYNC_STATE", `layout "0"`}},
		"subjects of another stream": {jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"oda.>"}}, ensureStream,
			[]string{"ensure stream ODA_COMPONENTS", "overlap"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			ctx := within(t)
			client := js(t, s)
			before := must(client.CreateStream(ctx, test.config)).CachedInfo().Config
			conn := s.Conn(t)
			waitConnected(t, conn)
			says(t, test.try(ctx, conn), test.words...)
			after := must(client.Stream(ctx, test.config.Name)).CachedInfo().Config
			testcheck.Equal(t, "the stream, before (-) and after (+)", before, after)
		})
	}
}

func TestLog_EnsureConsumerRejectsForeignConsumers(t *testing.T) {
	t.Parallel()
	const url = "http://registry:8000"
	tests := map[string]struct {
		metadata map[string]string
		words    []string
	}{
		"of another program": {nil, []string{"consumer syncer-default", "not this version's", "nats consumer rm ODA_COMPONENTS syncer-default"}},
		"older layout": {map[string]string{"odasync.purpose": "syncer", "odasync.layout": "0", "odasync.registry": url},
			[]string{`layout "0"`, "nats consumer rm ODA_COMPONENTS syncer-default"}},
		"another registry": {map[string]string{"odasync.purpose": "syncer", "odasync.layout": "1", "odasync.registry": "http://other:8000"},
			[]string{`target "default" feeds the registry at http://other:8000, not http://registry:8000`, "SYNC_TARGET"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := streamtest.StartParallel(t)
			ctx := within(t)
			log := ensureLog(t, s.Conn(t))
			client := js(t, s)
			must(client.CreateConsumer(ctx, stream.StreamName, jetstream.ConsumerConfig{
				Durable: "syncer-default", AckPolicy: jetstream.AckExplicitPolicy, Metadata: test.metadata,
			}))
			_, err := log.EnsureConsumer(ctx, "default", url)
			says(t, err, test.words...)
			if _, err := log.EnsureConsumer(ctx, "second", url); err != nil {
				t.Errorf("another target: %v", err)
			}
		})
	}
}

// TestLog_EnsureConsumerOneRegistryWins starts syncers of one target and different registries at the same moment.
func TestLog_EnsureConsumerOneRegistryWins(t *testing.T) {
	s := streamtest.StartParallel(t)
	ctx := within(t)
	first, second := ensureLog(t, s.Conn(t)), ensureLog(t, s.Conn(t))
	for round := range 20 {
		target := string(rune('a' + round))
		var firstErr, secondErr error
		var group errgroup.Group
		group.Go(func() error { _, firstErr = first.EnsureConsumer(ctx, target, "http://a"); return nil })
		group.Go(func() error { _, secondErr = second.EnsureConsumer(ctx, target, "http://b"); return nil })
		_ = group.Wait()
		if (firstErr == nil) == (secondErr == nil) {
			t.Fatalf("target %s: %v and %v, want exactly one refused", target, firstErr, secondErr)
		}
		says(t, errors.Join(firstErr, secondErr), "SYNC_TARGET")
	}
}

func TestConn_OpenLogBeforeTheWatcher(t *testing.T) {
	s := streamtest.StartParallel(t)
	conn := s.Conn(t)
	waitConnected(t, conn)
	_, err := stream.OpenLog(within(t), conn)
	says(t, err, "ODA_COMPONENTS does not exist yet", "start the watcher")
	ensureLog(t, conn)
	if _, err := stream.OpenLog(within(t), conn); err != nil {
		t.Error(err)
	}
}
