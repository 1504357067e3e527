package registry

import (
	"maps"
	"slices"
	"strings"

	"odasync/internal/component"
)

// Difference is a field in which the registry differs from what it should show. A side that lacks it is empty.
type Difference struct {
	// Field is "label KEY", "api NAME" for an API that only one side has, or "api NAME FIELD".
	Field        string
	Want, Actual string
}

// Standing is how an entry stands to a component.
type Presence int

const (
	// StandsMissing: nothing stands under the component's name.
	Missing Presence = iota
	// StandsTaken: the name belongs to another owner.
	TakenByOther
	// Stands: the entry is the component's, or nobody's, in which case an apply makes it the component's.
	Stands
)

// Compare says how the component stands in the registry, and in what the entry differs. It judges as Apply does: there
// is a difference exactly where Apply would write.
func (s *Actual) Compare(key component.Key, content *component.Component) (Presence, []Difference) {
	want, _ := s.cfg.desire(key, content)
	e, ok := s.entries[want.name]
	if !ok || e.component == nil {
		return Missing, nil
	}
	if ownerOf(key, e.component.Labels) == foreign {
		return TakenByOther, nil
	}
	var apis []Difference
	plan := planAPIs(want.apis, e.apis)
	for _, missing := range plan.create {
		apis = append(apis, Difference{Field: "api " + missing.name, Want: component.Present})
	}
	for _, c := range plan.change {
		apis = append(apis, c.differences()...)
	}
	for _, extra := range plan.remove {
		d := Difference{Field: "api " + extra.Name, Actual: component.Present}
		if slices.ContainsFunc(want.apis, func(a api) bool { return a.name == extra.Name }) {
			d.Want, d.Actual = "once", "more than once"
		}
		apis = append(apis, d)
	}
	slices.SortFunc(apis, func(a, b Difference) int { return strings.Compare(a.Field, b.Field) })
	return Stands, append(compareLabels("", want.labels, e.component.Labels), slices.Compact(apis)...)
}

func (c apiChange) differences() []Difference {
	var differences []Difference
	field := "api " + c.want.name + " "
	for _, d := range []Difference{
		{field + "url", c.want.url, c.shown.URL},
		{field + "specification", c.want.specification, c.shown.Specification},
		{field + "status", c.want.status, c.shown.Status},
	} {
		if d.Want != d.Actual {
			differences = append(differences, d)
		}
	}
	return append(differences, compareLabels(field, c.want.labels, c.shown.Labels)...)
}

// compareLabels compares as shownBy does: a key that is there with another value, too, differs.
func compareLabels(prefix string, want labelSet, read []wireLabel) []Difference {
	values := map[string][]string{}
	for _, label := range read {
		if !slices.Contains(values[label.Key], label.Value) {
			values[label.Key] = append(values[label.Key], label.Value)
		}
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(values))
	slices.Sort(keys)
	var differences []Difference
	for _, key := range slices.Compact(keys) {
		slices.Sort(values[key])
		if is := strings.Join(values[key], ", "); is != want[key] || len(values[key]) > 1 {
			differences = append(differences, Difference{prefix + "label " + key, want[key], is})
		}
	}
	return differences
}
