package web

import (
	"cmp"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxListedAPIs = 10  // that a list shows of a component
	maxLabels     = 100 // that are shown of a component or an API
	maxOptions    = 300 // of a filter that is a list to choose from
	reloadEvery   = 5   // seconds, of a page that follows the changes
)

// frame is what all pages have in common.
type frame struct {
	Style  template.CSS
	Script template.JS
	Title  string
	Host   string // the registry's address as the browser knows it
	Access Access

	Total                totals
	Reload               int // seconds, 0 for never
	Toggle               string
	Tabs                 []tab
	AllReady, AllPending string // links to all APIs of a state
}

// totals count the whole content.
type totals struct{ Components, APIs, Ready, Pending int }

// tab is a link to a view.
type tab struct {
	Text, Link string
	Count      int
	Current    bool
}

// frame describes a page. Searches stay when a reader changes the view of a
// list.
func (p *Page) frame(o *overview, q query, r *http.Request) frame {
	f := frame{
		Style: template.CSS(style), Script: template.JS(script), Title: "Component Registry",
		Host: "http://" + r.Host, Access: p.access, Toggle: q.toggle().address(),
		Total: totals{o.components(), len(o.apis), o.ready, len(o.apis) - o.ready},
	}
	if r.TLS != nil {
		f.Host = "https://" + r.Host
	}
	if q.Follow {
		f.Reload = reloadEvery
	}
	from := q
	if q.Component != "" {
		from = q.list(q.View)
	}
	for _, t := range []tab{{Text: "Components", Link: viewComponents, Count: f.Total.Components}, {Text: "APIs", Link: viewAPIs, Count: f.Total.APIs}} {
		t.Current = t.Link == q.View
		t.Link = from.in(t.Link).address()
		f.Tabs = append(f.Tabs, t)
	}
	state := q.list(viewAPIs)
	state.State = stateReady
	f.AllReady = state.address()
	state.State = statePending
	f.AllPending = state.address()
	return f
}

// componentView is a component in a list, or on its own page.
type componentView struct {
	facts
	Name, Registry, Link string
	Gone                 bool // only its APIs are left
	Changed              moment
	APIs                 []apiView
	More                 int // APIs that are not shown
	Labels               labelsView
}

// apiView is an API in a list, or on its own page.
type apiView struct {
	facts
	Name, Link, Status                  string
	Component, ComponentLink, Registry  string
	Summary                             string // of the specification, such as TMF620 v4
	Ready                               bool
	Changed                             moment
	Address, Specification, DeveloperUI address
	Document                            string // a specification that is no address
	Labels                              labelsView
}

// labelsView are labels by key.
type labelsView struct {
	Items []labelView
	Count int
}

// labelView links to everything that has the label.
type labelView struct{ Key, Value, Link string }

// component describes an entry with a part of its APIs.
func (o *overview) component(e *entry, apis []*exposed, now time.Time) componentView {
	return componentView{
		facts: e.facts, Name: e.Name, Registry: e.Registry, Link: componentQuery(e.owner()).address(), Gone: e.ID == 0,
		Changed: newMoment(e.Changed, now), APIs: o.apiViews(apis, now), More: len(e.apis) - len(apis),
		Labels: o.labelsView(viewComponents, e.LabelIDs),
	}
}

// sorted returns the APIs of a component by name.
func (e *entry) sorted() []*exposed {
	return slices.SortedFunc(slices.Values(e.apis), func(a, b *exposed) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
}

func (o *overview) apiViews(apis []*exposed, now time.Time) []apiView {
	var views []apiView
	for _, a := range apis {
		views = append(views, o.api(a, now))
	}
	return views
}

func (o *overview) api(a *exposed, now time.Time) apiView {
	view := apiView{
		facts: a.facts, Name: a.Name, Status: a.Status, Ready: a.Ready, Component: a.Component, Registry: a.Registry,
		Link: apiQuery(a.owner(), a.Name).address(), ComponentLink: componentQuery(a.owner()).address(),
		Summary: strings.TrimSpace(a.number + " " + a.major), Changed: newMoment(a.Changed, now), Address: newAddress(a.URL),
		Labels: o.labelsView(viewAPIs, a.LabelIDs),
	}
	if view.Specification = newAddress(a.Specification); view.Specification.Href == "" {
		view.Document = cut(a.Specification, maxDescription)
	}
	for _, id := range a.LabelIDs {
		if label := o.labels[id]; label.Key == DeveloperUI {
			view.DeveloperUI = newAddress(label.Value)
		}
	}
	return view
}

// labelsView resolves ids, leaves dangling ones out, and the description, which
// has its own place, and sorts by key.
func (o *overview) labelsView(view string, ids []int64) labelsView {
	var labels []Label
	for _, id := range ids {
		if label, ok := o.labels[id]; ok && label.Key != keyDescription {
			labels = append(labels, label)
		}
	}
	slices.SortFunc(labels, func(a, b Label) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value)) })
	out := labelsView{Count: len(labels)}
	for _, label := range labels[:min(len(labels), maxLabels)] {
		search := query{}.list(view)
		search.Search = label.Key + "=" + label.Value
		out.Items = append(out.Items, labelView{label.Key, label.Value, search.address()})
	}
	return out
}

// part is a page of a longer list.
type part struct {
	Found, First, Last, Page, Pages int
	Previous, Next                  string // links, empty for none
}

// newPart selects the page that the query asks for, or the last one before it.
// The items are those from First-1 to Last.
func newPart(q query, found int) part {
	p := part{Found: found, Pages: max(1, (found+perPage-1)/perPage)}
	p.Page = min(q.Page, p.Pages)
	start := (p.Page - 1) * perPage
	p.First, p.Last = min(start+1, found), min(start+perPage, found)
	if p.Page > 1 {
		p.Previous = q.turn(p.Page - 1).address()
	}
	if p.Page < p.Pages {
		p.Next = q.turn(p.Page + 1).address()
	}
	return p
}

// items returns the slice that a part selects.
func items[T any](p part, all []T) []T { return all[max(0, p.First-1):p.Last] }

// count formats a number of things.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
