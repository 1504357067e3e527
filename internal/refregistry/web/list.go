package web

import (
	"maps"
	"net/http"
	"slices"
)

// listPage is the data of list.html: components or APIs.
type listPage struct {
	frame
	part
	Query      query
	Order      string
	Filters    []filter
	Sorts      []option
	Several    bool   // registries
	All        string // link to everything, empty if this is it
	Components []componentView
	Exposed    []apiView
}

// filter is a choice of one value, or of all.
type filter struct {
	Name, Label, All string
	Chosen           string
	Options          []option // none if there are too many to choose from
	TooMany          bool
}

// option is a value to choose.
type option struct {
	Value, Text string
	Chosen      bool
}

func (p *Page) list(o *overview, q query, r *http.Request) listPage {
	page := listPage{
		frame: p.frame(o, q, r), Query: q, Filters: o.filters(q), Several: len(o.registries) > 1,
	}
	if q.Search != "" {
		page.Title = line(q.Search) + " – " + page.Title
	}
	if q.narrowed() {
		page.All = q.list(q.View).address()
	}
	for _, order := range orders[q.View] {
		page.Sorts = append(page.Sorts, option{order.value, order.text, order.value == q.Sort})
		if order.value == q.Sort {
			page.Order = order.text
		}
	}
	now := p.now()
	if q.View == viewAPIs {
		found := o.findAPIs(q)
		page.part = newPart(q, len(found))
		page.Exposed = o.apiViews(items(page.part, found), now)
		return page
	}
	found := o.findComponents(q)
	page.part = newPart(q, len(found))
	for _, e := range items(page.part, found) {
		apis := e.sorted()
		page.Components = append(page.Components, o.component(e, apis[:min(len(apis), maxListedAPIs)], now))
	}
	return page
}

// filters lists the values that the content has. A filter without a choice is
// left out.
func (o *overview) filters(q query) []filter {
	namespaces, blocks, types := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range o.entries {
		namespaces[e.Namespace], blocks[e.Block] = true, true
	}
	for _, a := range o.apis {
		types[a.Type] = true
	}
	states := []option{{stateReady, "ready", q.State == stateReady}, {statePending, "pending", q.State == statePending}}
	if q.View == viewComponents {
		states[0].Text, states[1].Text = "with ready APIs", "with pending APIs"
	}
	all := []filter{
		{Name: "state", Label: "State", All: "any state", Chosen: q.State, Options: states},
		newFilter("namespace", "Namespace", "all namespaces", q.Namespace, namespaces),
		newFilter("block", "Functional block", "all functional blocks", q.Block, blocks),
		newFilter("type", "Type of API", "all types", q.Type, types),
		newFilter("registry", "Registry", "all registries", q.Registry, set(o.registries)),
	}
	return slices.DeleteFunc(all, func(f filter) bool { return len(f.Options) < 2 && !f.TooMany && f.Chosen == "" })
}

func set(values []string) map[string]bool {
	out := map[string]bool{}
	for _, value := range values {
		out[value] = true
	}
	return out
}

// newFilter offers the values, and the chosen one even if nothing has it.
func newFilter(name, label, all, chosen string, values map[string]bool) filter {
	f := filter{Name: name, Label: label, All: all, Chosen: chosen}
	delete(values, "")
	if chosen != "" {
		values[chosen] = true
	}
	if len(values) > maxOptions {
		f.TooMany = true
		return f
	}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		f.Options = append(f.Options, option{value, value, value == chosen})
	}
	return f
}
