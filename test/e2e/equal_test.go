package e2e

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

// objects reads the Components of the lab's namespaces.
func (l *lab) objects() []unstructured.Unstructured {
	l.Helper()
	var all []unstructured.Unstructured
	for _, namespace := range l.namespaces {
		list, err := shared.Components(namespace).List(l.within(patience), metav1.ListOptions{})
		l.must(err)
		all = append(all, list.Items...)
	}
	return all
}

// differs compares the registry with what it should show.
func (l *lab) differs(want content) error {
	if diff := cmp.Diff(want, contentOf(l.registry.Snapshot()), cmpopts.EquateEmpty()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000] + "\n..."
		}
		return fmt.Errorf("the registry differs from the cluster (-cluster +registry):\n%s", diff)
	}
	return nil
}

// equal waits until the registry shows exactly what the cluster has now, and returns how long that took.
func (l *lab) equal(limit time.Duration) time.Duration {
	l.Helper()
	want := l.mapping.of(l.objects())
	began := time.Now()
	l.eventually(limit, "registry equals cluster", func() error { return l.differs(want) })
	return time.Since(began)
}

// jetStream connects the test itself to the lab's NATS.
func (l *lab) jetStream() jetstream.JetStream {
	l.Helper()
	conn, err := nats.Connect(l.natsURL)
	l.must(err)
	l.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	l.must(err)
	return js
}

// drained waits until every message has been handled and acknowledged.
func (l *lab) drained(limit time.Duration) {
	l.Helper()
	js := l.jetStream()
	l.eventually(limit, "all messages acknowledged", func() error {
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
