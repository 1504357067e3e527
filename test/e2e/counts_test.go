package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/sync/errgroup"

	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// TestRegistry_RequestCounts counts the requests for 1000 Components at the first sync, and after changes that are not visible in a
// registry.
func TestRegistry_RequestCounts(t *testing.T) {
	const (
		count    = 1000
		atMost   = 4100
		inFlight = 16
	)
	env := newEnv(t, "e2e-counts")
	each := func(what string, do func(i int) error) {
		t.Helper()
		var group errgroup.Group
		group.SetLimit(inFlight)
		for i := range count {
			group.Go(func() error { return do(i) })
		}
		if err := group.Wait(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	objects := make([]*unstructured.Unstructured, count)
	for i := range objects {
		objects[i] = testenv.Component("e2e-counts", fmt.Sprintf("count-%d", i), "1.0.0", "first", "second")
	}
	each("create", func(i int) error { return shared.Apply(t.Context(), objects[i]) })

	watcher, _ := env.StartPair()
	began := time.Now()
	env.AwaitInSync(2 * time.Minute)
	env.AwaitAllAcked(time.Minute)
	calls := env.Registry.Calls()
	t.Logf("first sync of %d Components with 2 APIs: %d requests in %.1f s: %v", count, calls, time.Since(began).Seconds(), env.Registry.Requests())
	testcheck.AtMost(t, "requests of the first sync", atMost, calls)

	before := env.Metric(watcher, "odasync_events_suppressed_total")
	env.Registry.ResetRequests()
	var number atomic.Int64
	each("annotate", func(i int) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"e2e.example.org/noise":"%d"}}}`, number.Add(1))
		_, err := shared.Components("e2e-counts").Patch(t.Context(), objects[i].GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
	env.Eventually(time.Minute, "every annotation is suppressed", func() error {
		if seen := env.Metric(watcher, "odasync_events_suppressed_total") - before; seen < count {
			return fmt.Errorf("%.0f of %d", seen, count)
		}
		return nil
	})
	env.AwaitAllAcked(testenv.Timeout)
	if calls := env.Registry.Calls(); calls != 0 {
		t.Errorf("annotations of %d Components caused %d requests, want none: %v", count, calls, env.Registry.Requests())
	}
}
