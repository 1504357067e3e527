package v1

import (
	"context"
	"maps"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// actual implements [registry.Actual].
type actual struct {
	cfg     registry.Config
	entries map[string]actualEntry // under the configured registry entry, by name
}

// actualEntry is what the registry has under one name: a component, and the APIs of it or of an earlier one.
type actualEntry struct {
	component *wireComponent // nil where only APIs are left
	apis      []wireAPI
}

// labels are those that identify the owner: the component's, or else those of the first API.
func (e actualEntry) labels() []wireLabel {
	if e.component != nil {
		return e.component.Labels
	}
	return e.apis[0].Labels
}

// Actual reads everything under the configured registry entry, in pages. It changes nothing.
func (a *Adapter) Actual(ctx context.Context) (registry.Actual, error) {
	s := a.client.NewSession()
	components, steady, err := componentPages.Where("registry_name", a.cfg.Name).Collect(ctx, s)
	if err != nil {
		return nil, err
	}
	apis, apisSteady, err := apiPages.Collect(ctx, s)
	if err != nil {
		return nil, err
	}
	if !steady || !apisSteady {
		return nil, registry.Conflict("GET "+pathComponents, "the entries change while they are read: try again")
	}
	all := &actual{cfg: a.cfg, entries: map[string]actualEntry{}}
	for _, row := range components {
		if row.RegistryName == a.cfg.Name { // else the registry ignores the filter
			all.entries[row.Name] = actualEntry{component: &row}
		}
	}
	for _, row := range apis {
		if row.RegistryName == a.cfg.Name {
			e := all.entries[row.ComponentName]
			e.apis = append(e.apis, row)
			all.entries[row.ComponentName] = e
		}
	}
	return all, nil
}

// ActualOf reads what exists under the component's name. The reference in the sync state, where there is one, saves a
// search. It changes nothing.
func (a *Adapter) ActualOf(ctx context.Context, key component.Key, ref target.Ref) (registry.Actual, error) {
	s := a.client.NewSession()
	at := place{name: a.nameOf(key)}
	if recorded, ok := placeOf(ref); ok && recorded.name == at.name {
		at.id = recorded.id
	}
	found, err := a.find(ctx, s, at)
	if err == nil && found == nil {
		if err = a.content.refreshComponents(ctx, s, at.registry, a.content.clock.Load()); err == nil {
			found, err = a.find(ctx, s, place{name: at.name})
		}
	}
	if err != nil {
		return nil, err
	}
	apis, err := readAPIs(ctx, s, at.name)
	if err != nil {
		return nil, err
	}
	one := &actual{cfg: a.cfg, entries: map[string]actualEntry{}}
	if found != nil || len(apis) > 0 {
		one.entries[at.component] = actualEntry{component: found, apis: apis}
	}
	return one, nil
}

// Orphans implements [registry.Actual]. The labels of an entry say whose it is.
func (s *actual) Orphans(cluster string, desired func(component.Key) bool) []registry.Orphan {
	var orphans []registry.Orphan
	for name, e := range s.entries {
		owned := owned(s.cfg, cluster, name, e.labels())
		if owned.Key != (component.Key{}) && (s.cfg.EntryName(owned.Key) != name || !desired(owned.Key)) {
			orphans = append(orphans, registry.Orphan{Key: owned.Key, Entry: name})
		}
	}
	return orphans
}

// Compare implements [registry.Actual].
func (s *actual) Compare(key component.Key, c *component.Component) (registry.Presence, []registry.Difference) {
	want, _ := desire(s.cfg, key, c)
	e := s.entries[want.component]
	if e.component == nil {
		return registry.Missing, nil
	}
	if ownerOf(key, e.component.Labels) == foreign {
		return registry.TakenByOther, nil
	}
	var apis []registry.Difference
	plan := planAPIs(want.apis, e.apis)
	for _, missing := range plan.create {
		apis = append(apis, registry.Difference{Field: "api " + missing.name, Want: component.Present})
	}
	for _, c := range plan.change {
		apis = append(apis, c.differences()...)
	}
	for _, surplus := range plan.remove {
		d := registry.Difference{Field: "api " + surplus.Name, Actual: component.Present}
		if slices.ContainsFunc(want.apis, func(a api) bool { return a.name == surplus.Name }) {
			d.Want, d.Actual = "once", "more than once"
		}
		apis = append(apis, d)
	}
	slices.SortFunc(apis, func(a, b registry.Difference) int { return strings.Compare(a.Field, b.Field) })
	return registry.Present, append(compareLabels("", want.labels, e.component.Labels), slices.Compact(apis)...)
}

func (c apiChange) differences() []registry.Difference {
	var differences []registry.Difference
	field := "api " + c.want.name + " "
	for _, d := range []registry.Difference{
		{Field: field + "url", Want: c.want.url, Actual: c.actual.URL},
		{Field: field + "specification", Want: c.want.specification, Actual: c.actual.Specification},
		{Field: field + "status", Want: c.want.status, Actual: c.actual.Status},
	} {
		if d.Want != d.Actual {
			differences = append(differences, d)
		}
	}
	return append(differences, compareLabels(field, c.want.labels, c.actual.Labels)...)
}

// compareLabels compares as [labelSet.matches] does: a key that also has another value differs.
func compareLabels(prefix string, want labelSet, read []wireLabel) []registry.Difference {
	values := map[string][]string{}
	for _, label := range read {
		if !slices.Contains(values[label.Key], label.Value) {
			values[label.Key] = append(values[label.Key], label.Value)
		}
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(values))
	slices.Sort(keys)
	var differences []registry.Difference
	for _, key := range slices.Compact(keys) {
		slices.Sort(values[key])
		if actual := strings.Join(values[key], ", "); actual != want[key] || len(values[key]) > 1 {
			differences = append(differences, registry.Difference{Field: prefix + "label " + key, Want: want[key], Actual: actual})
		}
	}
	return differences
}
