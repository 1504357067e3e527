package refregistry

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Snapshot is the whole content at one moment. Its lists are sorted by
// registry, component, API name and id, as far as the kind has them, and
// labels by key, value and id. APIs is the list as it is: what was created
// twice is there twice.
type Snapshot struct {
	Registries []Registry
	Components []Component
	APIs       []API
	Labels     []Label
}

// Label is a key and value that others refer to by id.
type Label struct {
	ID         int64
	Key, Value string
}

// Registry has its labels resolved to key and value, like Component and API:
// dangling references are left out, and of two values for a key the later in
// the item's list shows.
type Registry struct {
	ID              int64
	Name, Type, URL string
	Labels          map[string]string
}

// Component names its registry, which need not exist any more.
type Component struct {
	ID             int64
	Registry, Name string
	Labels         map[string]string
}

// API names its component, which need not exist any more. Specification is
// empty when none is set.
type API struct {
	ID                             int64
	Registry, Component, Name, URL string
	Specification, Status          string
	Labels                         map[string]string
}

// Snapshot returns the whole content. It is meant for tests and small
// registries. A failing store is logged and shows as missing content.
func (s *Server) Snapshot() Snapshot {
	var out Snapshot
	err := s.store.view(context.Background(), func(t *tables) error {
		v := newViewer(t)
		named := func(ids []int64) (map[string]string, error) {
			rows, err := v.labels(ids)
			labels := make(map[string]string, len(rows))
			for _, row := range rows {
				labels[row.Key] = row.Value
			}
			return labels, err
		}
		var err error
		if out.Labels, err = collect(t.labels, func(r labelRow) (Label, error) {
			return Label{ID: r.ID, Key: r.Key, Value: r.Value}, nil
		}); err != nil {
			return err
		}
		if out.Registries, err = collect(t.registries, func(r registryRow) (Registry, error) {
			labels, err := named(r.LabelIDs)
			return Registry{ID: r.ID, Name: r.Name, Type: r.Type, URL: r.URL, Labels: labels}, err
		}); err != nil {
			return err
		}
		if out.Components, err = collect(t.components, func(r componentRow) (Component, error) {
			labels, err := named(r.LabelIDs)
			return Component{ID: r.ID, Registry: r.Registry, Name: r.Name, Labels: labels}, err
		}); err != nil {
			return err
		}
		out.APIs, err = collect(t.apis, func(r apiRow) (API, error) {
			labels, err := named(r.LabelIDs)
			api := API{
				ID: r.ID, Registry: r.Registry, Component: r.Component, Name: r.Name,
				URL: r.URL, Status: r.Status, Labels: labels,
			}
			if r.Specification != nil {
				api.Specification = *r.Specification
			}
			return api, err
		})
		return err
	})
	if err != nil {
		s.cfg.Log.Error().Err(err).Msg("registry snapshot failed")
	}
	out.sort()
	return out
}

func (s Snapshot) sort() {
	slices.SortFunc(s.Labels, func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.Registries, func(a, b Registry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.Components, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.APIs, func(a, b API) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Component, b.Component),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

func collect[R, V any](t table[R], show func(R) (V, error)) ([]V, error) {
	rows, err := t.page(selection{}, 0, math.MaxInt)
	if err != nil {
		return nil, err
	}
	out := make([]V, 0, len(rows))
	for _, row := range rows {
		shown, err := show(row)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}
