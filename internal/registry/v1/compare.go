package v1

import (
	"maps"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// Compare says how the component stands in the registry, and in what the entry differs. It judges as Apply does: there
// is a difference exactly where Apply would write.
func (s *Actual) Compare(key component.Key, content *component.Component) (registry.Presence, []registry.Difference) {
	want, _ := desire(s.cfg, key, content)
	e, ok := s.entries[want.name]
	if !ok || e.component == nil {
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
	for _, extra := range plan.remove {
		d := registry.Difference{Field: "api " + extra.Name, Actual: component.Present}
		if slices.ContainsFunc(want.apis, func(a api) bool { return a.name == extra.Name }) {
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
		{Field: field + "url", Want: c.want.url, Actual: c.shown.URL},
		{Field: field + "specification", Want: c.want.specification, Actual: c.shown.Specification},
		{Field: field + "status", Want: c.want.status, Actual: c.shown.Status},
	} {
		if d.Want != d.Actual {
			differences = append(differences, d)
		}
	}
	return append(differences, compareLabels(field, c.want.labels, c.shown.Labels)...)
}

// compareLabels compares as shownBy does: a key that is there with another value, too, differs.
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
		if is := strings.Join(values[key], ", "); is != want[key] || len(values[key]) > 1 {
			differences = append(differences, registry.Difference{Field: prefix + "label " + key, Want: want[key], Actual: is})
		}
	}
	return differences
}
