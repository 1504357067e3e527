package web

import (
	"cmp"
	"slices"
	"strings"

	"odasync/internal/printable"
)

// search is a query whose words are looked up in the labels.
type search struct {
	query
	terms []term
}

func (o *overview) search(q query) search {
	s := search{query: q}
	for _, word := range strings.Fields(strings.ToLower(q.Search)) {
		s.terms = append(s.terms, o.term(word))
	}
	return s
}

// findComponents returns the entries that have what the query asks for, sorted.
// Each word is part of a text of the component or of one of its APIs; case is
// ignored.
func (o *overview) findComponents(q query) []*entry {
	var found []*entry
	s := o.search(q)
	for _, e := range o.entries {
		if s.selects(e.Registry, e.facts) && s.exposes(e) && s.all(func(t term) bool {
			return t.inComponent(e) || slices.ContainsFunc(e.apis, t.inAPI)
		}) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *entry) int {
		return cmp.Or(q.compareComponents(a, b), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// findAPIs returns the APIs that have what the query asks for, sorted. Each
// word is part of a text of the API or of its component.
func (o *overview) findAPIs(q query) []*exposed {
	var found []*exposed
	s := o.search(q)
	owners := o.matching(s)
	for _, a := range o.apis {
		if s.selects(a.Registry, a.facts) && s.isOf(a) && s.matches(a, owners[a.owner()]) {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b *exposed) int {
		return cmp.Or(q.compareAPIs(a, b), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Component, b.Component), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// matching returns which of the words each component has.
func (o *overview) matching(s search) map[owner][]bool {
	owners := map[owner][]bool{}
	if len(s.terms) == 0 {
		return owners
	}
	for _, e := range o.entries {
		has := make([]bool, len(s.terms))
		for i, t := range s.terms {
			has[i] = t.inComponent(e)
		}
		owners[e.owner()] = has
	}
	return owners
}

// matches reports whether an API has all words that its component lacks.
func (s search) matches(a *exposed, component []bool) bool {
	for i, t := range s.terms {
		if !component[i] && !t.inAPI(a) {
			return false
		}
	}
	return true
}

// compareComponents compares by the order of the query alone.
func (q query) compareComponents(a, b *entry) int {
	switch q.Sort {
	case "changed":
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(b.ID, a.ID))
	case "namespace":
		return cmp.Compare(a.Namespace, b.Namespace)
	}
	return 0
}

// compareAPIs compares by the order of the query alone.
func (q query) compareAPIs(a, b *exposed) int {
	switch q.Sort {
	case "changed":
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(b.ID, a.ID))
	case "specification":
		// What has none comes last.
		return cmp.Or(-cmp.Compare(min(len(a.number), 1), min(len(b.number), 1)), cmp.Compare(a.number, b.number), cmp.Compare(a.major, b.major))
	case "component":
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Registry, b.Registry))
	case "namespace":
		return cmp.Compare(a.Namespace, b.Namespace)
	}
	return 0
}

// selects applies the filters that components and APIs have in common.
func (q query) selects(registry string, f facts) bool {
	return (q.Registry == "" || q.Registry == registry) && (q.Namespace == "" || q.Namespace == f.Namespace) &&
		(q.Block == "" || q.Block == f.Block)
}

// isOf applies the filters of APIs.
func (q query) isOf(a *exposed) bool {
	return (q.Type == "" || q.Type == a.Type) && (q.State == "" || a.Ready == (q.State == stateReady))
}

// exposes reports whether one API of a component passes the filters of APIs.
func (q query) exposes(e *entry) bool {
	return q.Type == "" && q.State == "" || slices.ContainsFunc(e.apis, q.isOf)
}

func (s search) all(holds func(term) bool) bool {
	return !slices.ContainsFunc(s.terms, func(t term) bool { return !holds(t) })
}

// term is a word and the labels that have it.
type term struct {
	word   string
	labels map[int64]bool
}

func (o *overview) term(word string) term {
	t := term{word: word, labels: map[int64]bool{}}
	for id, label := range o.labels {
		if t.in(label.Key + "=" + label.Value) {
			t.labels[id] = true
		}
	}
	return t
}

func (t term) inComponent(e *entry) bool { return t.in(e.Name) || t.labelled(e.LabelIDs) }

// inAPI looks at name, address, specification and labels.
func (t term) inAPI(a *exposed) bool {
	return t.in(a.Name) || t.in(head(a.URL)) || t.in(head(a.Specification)) || t.in(a.number) || t.in(a.major) || t.labelled(a.LabelIDs)
}

// in compares with what the page shows of a text.
func (t term) in(text string) bool {
	return strings.Contains(strings.ToLower(printable.Line(text)), t.word)
}

func (t term) labelled(ids []int64) bool {
	return len(t.labels) > 0 && slices.ContainsFunc(ids, func(id int64) bool { return t.labels[id] })
}
