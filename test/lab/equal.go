package lab

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

// Objects reads the Components of the lab's namespaces.
func (l *Lab) Objects() []unstructured.Unstructured {
	l.Helper()
	var all []unstructured.Unstructured
	for _, namespace := range l.Namespaces {
		list, err := l.Cluster.Components(namespace).List(l.Within(Patience), metav1.ListOptions{})
		l.Must(err)
		all = append(all, list.Items...)
	}
	return all
}

// Differs compares the registry with what it should show.
func (l *Lab) Differs(want Content) error {
	return l.Same(want, ContentOf(l.Registry.Snapshot()))
}

// Same compares what a registry shows with what it should show.
func (l *Lab) Same(want, shown Content) error {
	if diff := cmp.Diff(want, shown, cmpopts.EquateEmpty()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000] + "\n..."
		}
		return fmt.Errorf("the registry differs from the cluster (-cluster +registry):\n%s", diff)
	}
	return nil
}

// Equal waits until the registry shows exactly what the cluster has now, and returns how long that took.
func (l *Lab) Equal(limit time.Duration) time.Duration {
	l.Helper()
	want := l.Mapping.Of(l.Objects())
	began := time.Now()
	l.Eventually(limit, "registry equals cluster", func() error { return l.Differs(want) })
	return time.Since(began)
}

// JetStream connects the test itself to the lab's NATS.
func (l *Lab) JetStream() jetstream.JetStream {
	l.Helper()
	conn, err := nats.Connect(l.NATSURL)
	l.Must(err)
	l.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	l.Must(err)
	return js
}

// Drained waits until every message has been handled and acknowledged.
func (l *Lab) Drained(limit time.Duration) {
	l.Helper()
	js := l.JetStream()
	l.Eventually(limit, "all messages acknowledged", func() error {
		ctx, cancel := context.WithTimeout(l.Context(), 5*time.Second)
		defer cancel()
		consumer, err := js.Consumer(ctx, "ODA_COMPONENTS", "syncer-default")
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.NumPending != 0 || info.NumAckPending != 0 {
			return fmt.Errorf("%d not delivered, %d not acknowledged", info.NumPending, info.NumAckPending)
		}
		return nil
	})
}
