package v1

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"odasync/internal/registry"
)

// Health implements [target.Probe].
func (a *Adapter) Health(ctx context.Context) error {
	return a.client.Do(ctx, registry.Request{Method: http.MethodGet, Path: pathHealth}, nil)
}

// WriteProbe implements [target.Probe]: it writes the registry entry's present address. An entry that is gone, as after
// the registry lost its database, is created once more, which is a write too.
func (a *Adapter) WriteProbe(ctx context.Context) error {
	s := a.client.NewSession()
	for after := uint64(0); ; after = a.content.clock.Load() {
		if err := a.content.refreshRegistry(ctx, s, after); err != nil {
			return err
		}
		err := a.rewrite(ctx, s)
		if !registry.IsConflict(err) || after > 0 {
			return err
		}
	}
}

// rewrite writes one of the known registry entries as it is. It fails with a conflict where the entry is gone.
func (a *Adapter) rewrite(ctx context.Context, s *registry.Session) error {
	for _, id := range a.content.registries.All() {
		var row wireRegistry
		if err := s.Do(ctx, get(pathRegistry, id), &row); err != nil {
			return err
		}
		if row.Name != a.cfg.Name {
			return registry.Conflict("GET "+pathRegistry, "the registry entry "+a.cfg.Name+" was renamed or removed")
		}
		return s.Do(ctx, put(pathRegistry, id, registryUpdate{URL: row.URL}), nil)
	}
	return registry.Conflict("GET "+pathRegistries, "the registry entry "+a.cfg.Name+" is not listed")
}

// Contract reads one row of each collection, as an apply would, and reports where the server does not answer like a v1
// registry. It changes nothing. A rejected key is a [*target.Failure] with status 401 or 403.
func (a *Adapter) Contract(ctx context.Context) error {
	for _, collection := range []struct {
		path string
		rows any
	}{{pathLabels, new([]wireLabel)}, {pathRegistries, new([]wireRegistry)}, {pathComponents, new([]wireComponent)}, {pathAPIs, new([]wireAPI)}} {
		one := registry.Request{Method: http.MethodGet, Path: collection.path, Query: url.Values{"limit": {"1"}}}
		if err := a.client.Do(ctx, one, collection.rows); err != nil {
			return fmt.Errorf("%s: %w", a.cfg.Address(), err)
		}
	}
	return nil
}
