package web

import (
	"cmp"
	"maps"
	"slices"

	"odasync/internal/specification"
)

const keyDescription = "description"

// DeveloperUI is the label that holds the address of an API's page for developers.
const DeveloperUI = "developerUI"

// overview is the content of a registry, joined.
type overview struct {
	labels     map[int64]Label
	registries []string
	entries    []*entry
	apis       []*exposed
	ready      int
}

// entry is a component with its APIs. APIs whose component is gone form an
// entry without an id: a client did not delete them.
type entry struct {
	Component
	facts
	apis []*exposed
}

// exposed is an API of a component.
type exposed struct {
	API
	facts         // those that it lacks are the component's
	number string // of the specification, such as TMF620
	major  string // version of the specification, such as v4
}

// facts are what well-known labels say. Unknown ones are empty.
type facts struct{ Namespace, Block, Type, TMFC, Release, Description string }

// owner names a component.
type owner struct{ registry, component string }

func (a API) owner() owner       { return owner{a.Registry, a.Component} }
func (c Component) owner() owner { return owner{c.Registry, c.Name} }

// newOverview joins the content.
func newOverview(content Content) *overview {
	o := &overview{labels: content.Labels}
	o.join(content.Components, content.APIs)
	o.name(content.Registries)
	return o
}

// join gives the APIs to their components. Two components of one name share
// them, as they do in the API.
func (o *overview) join(components []Component, apis []API) {
	byOwner := make(map[owner][]*exposed, len(components))
	for _, api := range apis {
		a := o.expose(api)
		o.apis = append(o.apis, a)
		byOwner[api.owner()] = append(byOwner[api.owner()], a)
		if api.Ready {
			o.ready++
		}
	}
	present := make(map[owner]bool, len(byOwner))
	o.entries = make([]*entry, 0, len(components))
	for _, component := range components {
		e := &entry{component, o.facts(component.LabelIDs), byOwner[component.owner()]}
		for _, a := range e.apis {
			a.Namespace, a.Block = cmp.Or(a.Namespace, e.Namespace), cmp.Or(a.Block, e.Block)
		}
		o.entries = append(o.entries, e)
		present[component.owner()] = true
	}
	for gone, left := range byOwner {
		if !present[gone] {
			o.entries = append(o.entries, leftover(gone, left))
		}
	}
}

func (o *overview) expose(api API) *exposed {
	document, address := head(api.Specification), head(api.URL)
	return &exposed{
		API: api, facts: o.facts(api.LabelIDs),
		number: specification.Name(document, api.Name, address),
		major:  cmp.Or(api.Version, specification.URLMajor(document), specification.URLMajor(address+"/")),
	}
}

// leftover returns the entry of APIs whose component is gone.
func leftover(gone owner, left []*exposed) *entry {
	e := &entry{Component: Component{Registry: gone.registry, Name: gone.component}, apis: left}
	e.Namespace, e.Block = left[0].Namespace, left[0].Block
	for _, api := range left {
		if api.Changed.After(e.Changed) {
			e.Changed = api.Changed
		}
	}
	return e
}

// facts reads the labels that odasync and the Canvas's collector write.
func (o *overview) facts(ids []int64) facts {
	var f facts
	plain := ""
	for _, id := range ids {
		switch label := o.labels[id]; label.Key {
		case "namespace":
			f.Namespace = label.Value
		case "functionalBlock":
			f.Block = label.Value
		case "apiType":
			f.Type = label.Value
		case "id":
			f.TMFC = label.Value
		case keyDescription:
			f.Description = label.Value
		case "component-version": // of v1, where version is a label of the resource
			f.Release = label.Value
		case "version":
			plain = label.Value
		}
	}
	f.Release = cmp.Or(f.Release, plain)
	return f
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
