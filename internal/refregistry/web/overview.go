package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// overview finds what the page shows.
type overview struct {
	labels     map[int64]Label
	registries []string
	entries    []entry
	apis       int
	ready      int
}

// entry is a component with its APIs. APIs whose component is gone form an
// entry without an id: a client did not delete them.
type entry struct {
	Component
	apis []API
}

// owner names a component.
type owner struct{ registry, component string }

func (a API) owner() owner       { return owner{a.Registry, a.Component} }
func (c Component) owner() owner { return owner{c.Registry, c.Name} }

// newOverview joins the content; the entries come newest change first.
func newOverview(content Content) *overview {
	o := &overview{labels: content.Labels, apis: len(content.APIs)}
	o.join(content.Components, content.APIs)
	o.name(content.Registries)
	return o
}

// join gives the APIs to their components. Two components of one name share
// them, as they do in the API.
func (o *overview) join(components []Component, apis []API) {
	byOwner := make(map[owner][]API, len(components))
	for _, api := range apis {
		byOwner[api.owner()] = append(byOwner[api.owner()], api)
		if api.Ready {
			o.ready++
		}
	}
	present := make(map[owner]bool, len(byOwner))
	o.entries = make([]entry, 0, len(components))
	for _, component := range components {
		o.entries = append(o.entries, entry{component, byOwner[component.owner()]})
		present[component.owner()] = true
	}
	for gone, left := range byOwner {
		if present[gone] {
			continue
		}
		e := entry{Component{Registry: gone.registry, Name: gone.component}, left}
		for _, api := range left {
			if api.Changed.After(e.Changed) {
				e.Changed = api.Changed
			}
		}
		o.entries = append(o.entries, e)
	}
	slices.SortFunc(o.entries, func(a, b entry) int {
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(b.ID, a.ID), cmp.Compare(a.Name, b.Name))
	})
}

// name lists the registries, including those that are gone and still have components.
func (o *overview) name(registries []string) {
	names := map[string]bool{}
	for _, registry := range registries {
		names[registry] = true
	}
	for _, e := range o.entries {
		names[e.Registry] = true
	}
	o.registries = slices.Sorted(maps.Keys(names))
}

func (o *overview) components() int {
	n := 0
	for _, e := range o.entries {
		if e.ID != 0 {
			n++
		}
	}
	return n
}

// find returns the entries of a registry, empty for all, in which each word is
// part of the component's name, an API's name or a label written key=value.
// Case is ignored.
func (o *overview) find(registry, words string) []entry {
	var terms []term
	for _, word := range strings.Fields(strings.ToLower(words)) {
		terms = append(terms, o.term(word))
	}
	var found []entry
	for _, e := range o.entries {
		if registry != "" && e.Registry != registry {
			continue
		}
		if !slices.ContainsFunc(terms, func(t term) bool { return !t.in(e) }) {
			found = append(found, e)
		}
	}
	return found
}

// term is a word and the labels that have it.
type term struct {
	word   string
	labels map[int64]bool
}

func (o *overview) term(word string) term {
	t := term{word: word, labels: map[int64]bool{}}
	for id, label := range o.labels {
		if strings.Contains(strings.ToLower(label.Key+"="+label.Value), word) {
			t.labels[id] = true
		}
	}
	return t
}

func (t term) in(e entry) bool {
	if t.named(e.Name) || t.labelled(e.LabelIDs) {
		return true
	}
	for _, api := range e.apis {
		if t.named(api.Name) || t.labelled(api.LabelIDs) {
			return true
		}
	}
	return false
}

func (t term) named(name string) bool { return strings.Contains(strings.ToLower(name), t.word) }

func (t term) labelled(ids []int64) bool {
	return len(t.labels) > 0 && slices.ContainsFunc(ids, func(id int64) bool { return t.labels[id] })
}
