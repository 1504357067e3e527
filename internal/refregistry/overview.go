package refregistry

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
)

// overview finds what the page for people shows. It works on copies of the
// rows, so that a long search keeps no writer waiting.
type overview struct {
	labels     map[int64]labelRow
	registries []string
	entries    []entry
	apis       int
	ready      int
}

// entry is a component with its APIs. APIs whose component is gone form an
// entry without an id: they are what a client forgot to delete.
type entry struct {
	componentRow
	apis []apiRow
}

// look reads everything; the entries come newest change first.
func (s *Server) look(ctx context.Context) (*overview, error) {
	var (
		labels     []labelRow
		registries []registryRow
		components []componentRow
		apis       []apiRow
	)
	err := s.store.view(ctx, func(t *tables) (err error) {
		if labels, err = t.labels.page(selection{}, 0, math.MaxInt); err != nil {
			return err
		}
		if registries, err = t.registries.page(selection{}, 0, math.MaxInt); err != nil {
			return err
		}
		if components, err = t.components.page(selection{}, 0, math.MaxInt); err != nil {
			return err
		}
		apis, err = t.apis.page(selection{}, 0, math.MaxInt)
		return err
	})
	if err != nil {
		return nil, err
	}
	o := &overview{labels: make(map[int64]labelRow, len(labels)), apis: len(apis)}
	for _, row := range labels {
		o.labels[row.ID] = row
	}
	o.join(components, apis)
	o.name(registries)
	return o, nil
}

// join gives the APIs to their components. Two components of one name share
// them, as they do in the API.
func (o *overview) join(components []componentRow, apis []apiRow) {
	of := make(map[pair][]apiRow, len(components))
	for _, api := range apis {
		of[api.pair()] = append(of[api.pair()], api)
		if api.Status == statusReady {
			o.ready++
		}
	}
	taken := make(map[pair]bool, len(of))
	for _, component := range components {
		o.entries = append(o.entries, entry{component, of[component.pair()]})
		taken[component.pair()] = true
	}
	for p, left := range of {
		if taken[p] {
			continue
		}
		e := entry{componentRow{Registry: p.first, Name: p.second}, left}
		for _, api := range left {
			e.Changed = max(e.Changed, api.Changed)
		}
		o.entries = append(o.entries, e)
	}
	slices.SortFunc(o.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.Changed, a.Changed), cmp.Compare(b.ID, a.ID), cmp.Compare(a.Name, b.Name))
	})
}

// name lists the registries, those included that are gone and still have components.
func (o *overview) name(registries []registryRow) {
	names := map[string]bool{}
	for _, registry := range registries {
		names[registry.Name] = true
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
// Case does not count.
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
