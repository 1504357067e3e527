package v1

import (
	"context"
	"net/url"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// shown is what stands in the registry under one name: a component, and the APIs of that component or of an earlier one.
type existing struct {
	component *wireComponent // nil where only APIs are left
	apis      []wireAPI
}

// Shown is what the registry shows, or the part of it that was read.
type Actual struct {
	cfg     registry.Config
	entries map[string]*existing // by name, of the configured registry entry
}

// Shown reads everything that stands under the configured registry entry, in pages. It changes nothing.
func (v *Adapter) Actual(ctx context.Context) (*Actual, error) {
	entries, steady, err := v.readAll(ctx, &registry.Session{Client: v.client})
	if err != nil {
		return nil, err
	}
	if !steady {
		return nil, registry.Conflict("GET "+pathComponents, "the entries change while they are read: try again")
	}
	return &Actual{cfg: v.cfg, entries: entries}, nil
}

// readAll reads what stands under the configured registry entry, by name. Where it is not steady, something may be missing.
func (v *Adapter) readAll(ctx context.Context, s *registry.Session) (entries map[string]*existing, steady bool, err error) {
	filter := url.Values{"registry_name": {v.cfg.Name}}
	components, steady, err := registry.Collect(ctx, s, pathComponents, filter, func(row *wireComponent) int64 { return row.ID })
	if err != nil {
		return nil, false, err
	}
	entries = map[string]*existing{}
	for _, row := range components {
		if row.RegistryName == v.cfg.Name { // else the filter did not work
			entries[row.Name] = &existing{component: &row}
		}
	}
	apis, steadyToo, err := registry.Collect(ctx, s, pathAPIs, nil, func(row *wireAPI) int64 { return row.ID }) // there is no filter for them
	if err != nil {
		return nil, false, err
	}
	for _, row := range apis {
		if row.RegistryName != v.cfg.Name {
			continue
		}
		if entries[row.ComponentName] == nil {
			entries[row.ComponentName] = &existing{}
		}
		entries[row.ComponentName].apis = append(entries[row.ComponentName].apis, row)
	}
	return entries, steady && steadyToo, nil
}

// ShownOf reads what stands under the component's name. The record of the sync state, where there is one, saves the
// search for it.
func (v *Adapter) ActualOf(ctx context.Context, key component.Key, record target.Ref) (*Actual, error) {
	s := &registry.Session{Client: v.client}
	at := place{registry: v.cfg.Name, name: v.cfg.EntryName(key)}
	if recorded := recordedPlace(record); recorded.same(at) {
		at.id = recorded.id
	}
	found, err := v.find(ctx, s, at)
	if err == nil && found == nil {
		if err = v.index.reloadComponents(ctx, s, at.registry, v.index.in(at.registry).mark()); err == nil {
			found, err = v.find(ctx, s, place{registry: at.registry, name: at.name})
		}
	}
	if err != nil {
		return nil, err
	}
	apis, err := readAPIs(ctx, s, at.holder())
	if err != nil {
		return nil, err
	}
	one := &Actual{cfg: v.cfg, entries: map[string]*existing{}}
	if found != nil || len(apis) > 0 {
		one.entries[at.name] = &existing{component: found, apis: apis}
	}
	return one, nil
}

// labels are those that tell the owner: the component's, or those of the first API that was left behind.
func (e *existing) labels() []wireLabel {
	switch {
	case e.component != nil:
		return e.component.Labels
	case len(e.apis) > 0:
		return e.apis[0].Labels
	}
	return nil
}

// Orphans lists what odasync put into the registry for components of the cluster, as its labels tell, and what should not
// be there: the component is not desired, or goes by another name now.
func (s *Actual) Orphans(cluster string, desired func(component.Key) bool) []registry.Orphan {
	var orphans []registry.Orphan
	for name, e := range s.entries {
		owned := owned(s.cfg, cluster, name, e.labels())
		if owned.Key == (component.Key{}) {
			continue
		}
		if s.cfg.EntryName(owned.Key) != name || !desired(owned.Key) {
			orphans = append(orphans, registry.Orphan{Key: owned.Key, Entry: name})
		}
	}
	return orphans
}
