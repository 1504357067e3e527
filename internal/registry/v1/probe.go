package v1

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"odasync/internal/registry"
)

// Contract reads one row of each collection, as an apply would, and says where the server does not answer like a v1
// registry. It changes nothing. A refused key shows here as a *syncer.Failure with status 401 or 403.
func (v *Adapter) Contract(ctx context.Context) error {
	var (
		labels     []wireLabel
		registries []wireRegistry
		components []wireComponent
		apis       []wireAPI
	)
	for _, collection := range []struct {
		path string
		rows any
	}{{pathLabels, &labels}, {pathRegistries, &registries}, {pathComponents, &components}, {pathAPIs, &apis}} {
		one := registry.Request{Method: http.MethodGet, Path: collection.path, Query: url.Values{"limit": {"1"}}}
		if err := v.client.Do(ctx, one, collection.rows); err != nil {
			return fmt.Errorf("%s: %w", v.cfg.Address(), err)
		}
	}
	return nil
}

// Health asks the registry whether it works. It does not touch the content.
func (v *Adapter) Health(ctx context.Context) error {
	return v.client.Do(ctx, registry.Request{Method: http.MethodGet, Path: pathHealth}, nil)
}

// Trial implements syncer.Probe: it writes the registry entry's address as it stands there. An entry that is gone, as in a
// registry that lost its database, is looked for and created once more, which is a write too.
func (v *Adapter) WriteProbe(ctx context.Context) error {
	s := &registry.Session{Client: v.client}
	for mark := uint64(0); ; mark = v.index.registries.mark() {
		if err := v.index.reloadRegistry(ctx, s, mark); err != nil {
			return err
		}
		err := v.rewrite(ctx, s)
		if !registry.IsConflict(err) || mark > 0 {
			return err
		}
	}
}

// rewrite writes one of the known registry entries as it stands; where it is gone, the failure says that it moved.
func (v *Adapter) rewrite(ctx context.Context, s *registry.Session) error {
	for known := range v.index.registries.all() {
		var row wireRegistry
		if err := s.Do(ctx, registry.Request{Method: http.MethodGet, Path: pathRegistry, ID: known.id}, &row); err != nil {
			return err
		}
		if row.Name != v.cfg.Name {
			return registry.Conflict("GET "+pathRegistry, "the registry entry "+v.cfg.Name+" was renamed or removed")
		}
		return s.Do(ctx, registry.Request{Method: http.MethodPut, Path: pathRegistry, ID: known.id, Body: registryUpdate{URL: row.URL}}, nil)
	}
	return registry.Conflict("GET "+pathRegistries, "the registry entry "+v.cfg.Name+" is not listed")
}
