package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// inFlight keeps the API server busy; more only makes it queue.
const inFlight = 64

// fill creates the Components and returns how many bytes they are together.
func fill(ctx context.Context, large *cluster.Cluster, count, size int) (written int64, err error) {
	target := large.Components("components")
	var done, bytes atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	progress, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for procs.Pause(progress, 15*time.Second) == nil {
			fmt.Fprintf(os.Stderr, "%d of %d created\n", done.Load(), count)
		}
	}()
	for i := range count {
		group.Go(func() error {
			object, length, err := component(i, size)
			if err != nil {
				return err
			}
			if _, err := target.Create(ctx, object, metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("create %s: %w", object.GetName(), err)
			}
			bytes.Add(int64(length))
			done.Add(1)
			return nil
		})
	}
	err = group.Wait()
	return bytes.Load(), err
}

// labels are ten labels as they come in practice: two of them are each component's own, the others are shared.
func labels(i int, name string) map[string]any {
	of := func(what string, many int) string { return fmt.Sprintf("%s-%d", what, i%many) }
	return map[string]any{
		"oda.tmforum.org/componentName": name, "oda.tmforum.org/release": fmt.Sprintf("release-%06d", i),
		"oda.tmforum.org/team": of("team", 50), "oda.tmforum.org/domain": of("domain", 12), "oda.tmforum.org/tier": of("tier", 4),
		"oda.tmforum.org/region": of("region", 6), "oda.tmforum.org/environment": of("environment", 3), "oda.tmforum.org/owner": of("owner", 200),
		"oda.tmforum.org/cost-center": of("cost-center", 100), "oda.tmforum.org/chart": of("chart", 500),
	}
}

// component is the i-th Component: three APIs with their status, ten labels, and an annotation of the operators that fills it up to
// the size.
func component(i, size int) (object *unstructured.Unstructured, length int, err error) {
	name := fmt.Sprintf("scale-%06d", i)
	var entries, states []any
	for _, api := range []string{"productcatalogmanagement", "promotionmanagement", "productinventory"} {
		path := "/" + name + "/tmf-api/" + api + "/v4"
		entries = append(entries, map[string]any{
			"name": api, "apiType": "openapi", "implementation": name + "-api", "path": path, "port": int64(8080),
			"specification": []any{map[string]any{"url": "https://specs.example.org/" + api + "-v4.0.0.json"}},
		})
		states = append(states, map[string]any{"name": name + "-" + api, "ready": true, "url": "https://oda.example.org" + path})
	}
	object = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/v1",
		"kind":       "Component",
		"metadata": map[string]any{
			"namespace": "components", "name": name,
			"labels": labels(i, name),
		},
		"spec": map[string]any{
			"componentMetadata": map[string]any{
				"id": "TMFC001", "name": "productcatalogmanagement", "version": "1.0.0", "functionalBlock": "CoreCommerce",
				"maintainers": []any{map[string]any{"name": "Ada Example", "email": "ada@example.org"}},
			},
			"coreFunction": map[string]any{"exposedAPIs": entries},
		},
		"status": map[string]any{
			"summary/status": map[string]any{"deployment_status": "Complete"},
			"coreAPIs":       states,
		},
	}}
	bare, err := object.MarshalJSON()
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", name, err)
	}
	object.SetAnnotations(map[string]string{
		"kopf.zalando.org/last-handled-configuration": strings.Repeat("x", max(0, size-len(bare))),
	})
	return object, max(size, len(bare)), nil
}
