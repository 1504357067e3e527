package testenv

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Objects lists the Components of the environment's namespaces.
func (env *Env) Objects() []unstructured.Unstructured {
	env.Helper()
	var all []unstructured.Unstructured
	for _, namespace := range env.Namespaces {
		list, err := env.Cluster.Components(namespace).List(env.Within(Timeout), metav1.ListOptions{})
		env.Must(err)
		all = append(all, list.Items...)
	}
	return all
}

// CheckInSync returns an error when the registry differs from its expected content.
func (env *Env) CheckInSync(want Content) error {
	return env.CheckContent(want, ContentOf(env.Registry.Snapshot()))
}

// CheckContent returns an error when the content of a registry differs from the expected one.
func (env *Env) CheckContent(want, got Content) error {
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000] + "\n..."
		}
		return fmt.Errorf("the registry differs from the cluster (-cluster +registry):\n%s", diff)
	}
	return nil
}

// AwaitInSync waits until the registry holds exactly the cluster's present Components, and returns how long that took.
func (env *Env) AwaitInSync(limit time.Duration) time.Duration {
	env.Helper()
	want := env.Mapping.Of(env.Objects())
	began := time.Now()
	env.Eventually(limit, "registry in sync with the cluster", func() error { return env.CheckInSync(want) })
	return time.Since(began)
}

// AwaitDone waits until the registry is in sync with the cluster, and every message is acknowledged.
func (env *Env) AwaitDone(limit time.Duration) {
	env.Helper()
	env.AwaitInSync(limit)
	env.AwaitAllAcked(limit)
}

// JetStream returns a connection of the test itself to NATS.
func (env *Env) JetStream() jetstream.JetStream {
	env.Helper()
	conn, err := nats.Connect(env.NATSURL)
	env.Must(err)
	env.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	env.Must(err)
	return js
}

// AwaitAllAcked waits until every message is delivered and acknowledged.
func (env *Env) AwaitAllAcked(limit time.Duration) {
	env.Helper()
	js := env.JetStream()
	env.Eventually(limit, "all messages acked", func() error {
		ctx, cancel := context.WithTimeout(env.Context(), 5*time.Second)
		defer cancel()
		consumer, err := js.Consumer(ctx, "ODA_COMPONENTS", "syncer-default")
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.NumPending != 0 || info.NumAckPending != 0 {
			return fmt.Errorf("%d messages pending, %d ack pending", info.NumPending, info.NumAckPending)
		}
		return nil
	})
}
