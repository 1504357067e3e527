package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
)

const (
	benchCluster   = "bench"
	benchNamespace = "components"
	// publishers keep the broker busy; more only makes it queue.
	publishers = 64
)

var apiNames = []string{"productcatalogmanagement", "promotionmanagement"}

// content is the i-th component: two APIs, and a label that no other has, so that a first apply takes four requests.
func content(i int) *component.Component {
	name := fmt.Sprintf("bench-%06d", i)
	c := &component.Component{
		Namespace: benchNamespace, Name: name,
		Labels: map[string]string{"oda.tmforum.org/componentName": name},
		Metadata: component.Metadata{
			ID: "TMFC001", Name: "productcatalogmanagement", Version: "1.0.0", FunctionalBlock: "CoreCommerce",
			Maintainers: []component.Person{{Name: "Ada Example", Email: "ada@example.org"}},
		},
		DeploymentStatus: "Complete",
	}
	for _, api := range apiNames {
		c.ExposedAPIs = append(c.ExposedAPIs, component.ExposedAPI{
			Name: api, Entry: api, Segment: component.SegmentCore, Type: "openapi", Implementation: name + "-api", Ready: true,
			URL:            "https://oda.example.org/" + name + "/tmf-api/" + api + "/v4",
			Specifications: []component.Specification{{URL: "https://specs.example.org/" + api + "-v4.0.0.json"}},
		})
	}
	return c
}

// fill publishes the components. A syncer asks more of the broker for a message that has waited; the time of those that are to
// be new lies ahead, so that they stay so.
func fill(ctx context.Context, log *stream.Log, count int, aged bool) error {
	seen := time.Now().Add(24 * time.Hour)
	if aged {
		seen = time.Now().Add(-time.Hour)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishers)
	for i := range count {
		group.Go(func() error {
			c := content(i + 1)
			key := component.Key{Cluster: benchCluster, Namespace: c.Namespace, Name: c.Name}
			_, err := log.Publish(ctx, event.Upserted(key, component.Observation{
				Component: c, UID: "uid-" + c.Name, ResourceVersion: strconv.Itoa(i + 1), Seen: seen,
			}), 0)
			return err
		})
	}
	return group.Wait()
}
