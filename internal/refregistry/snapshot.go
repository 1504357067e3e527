package refregistry

import (
	"cmp"
	"math"
	"slices"

	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/refregistry/web"
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
// the item's list is taken.
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
// registries.
func (s *Server) Snapshot() Snapshot {
	var out Snapshot
	s.store.View(func(t *v1.Tables) {
		labels := func(ids []int64) map[string]string {
			labels := make(map[string]string, len(ids))
			for _, id := range ids {
				if row, ok := t.Labels.Get(id); ok {
					labels[row.Key] = row.Value
				}
			}
			return labels
		}
		for _, r := range all(t.Labels) {
			out.Labels = append(out.Labels, Label{ID: r.ID, Key: r.Key, Value: r.Value})
		}
		for _, r := range all(t.Registries) {
			out.Registries = append(out.Registries, Registry{ID: r.ID, Name: r.Name, Type: r.Type, URL: r.URL, Labels: labels(r.LabelIDs)})
		}
		for _, r := range all(t.Components) {
			out.Components = append(out.Components, Component{ID: r.ID, Registry: r.Registry, Name: r.Name, Labels: labels(r.LabelIDs)})
		}
		for _, r := range all(t.APIs) {
			out.APIs = append(out.APIs, API{
				ID: r.ID, Registry: r.Registry, Component: r.Component, Name: r.Name,
				URL: r.URL, Specification: text(r.Specification), Status: r.Status, Labels: labels(r.LabelIDs),
			})
		}
	})
	out.sort()
	return out
}

// Content implements web.Registry. Rows are copied under the lock and converted
// after it is released.
func (s *store) Content() web.Content {
	var (
		labels     []v1.LabelRow
		registries []v1.RegistryRow
		components []v1.ComponentRow
		apis       []v1.APIRow
	)
	s.View(func(t *v1.Tables) {
		labels, registries, components, apis = all(t.Labels), all(t.Registries), all(t.Components), all(t.APIs)
	})
	out := web.Content{
		Labels: make(map[int64]web.Label, len(labels)), Registries: make([]string, len(registries)),
		Components: make([]web.Component, len(components)), APIs: make([]web.API, len(apis)),
	}
	for _, r := range labels {
		out.Labels[r.ID] = web.Label{ID: r.ID, Key: r.Key, Value: r.Value}
	}
	for i, r := range registries {
		out.Registries[i] = r.Name
	}
	for i, r := range components {
		out.Components[i] = web.Component{ID: r.ID, Registry: r.Registry, Name: r.Name, LabelIDs: r.LabelIDs, Changed: r.Changed}
	}
	for i, r := range apis {
		out.APIs[i] = web.API{
			ID: r.ID, Registry: r.Registry, Component: r.Component, Name: r.Name, URL: r.URL,
			Specification: text(r.Specification), Status: r.Status, Ready: r.Status == v1.StatusReady, LabelIDs: r.LabelIDs, Changed: r.Changed,
		}
	}
	return out
}

func all[R any](t v1.Table[R]) []R { return t.Page(v1.Selection{}, 0, math.MaxInt) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
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
