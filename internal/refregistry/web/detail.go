package web

import (
	"net/http"
	"slices"
)

// detailPage is the data of detail.html: a component with its APIs, or an API.
type detailPage struct {
	frame
	part
	View      string
	Name      string
	Back      string // link to the list
	Component *componentView
	// Exposed are the APIs of that name: a component may have several.
	Exposed []apiView
	// Owner describes the component of an API.
	Owner *componentView
}

// known reports whether there is anything of that name.
func (d detailPage) known() bool { return d.Component != nil || len(d.Exposed) > 0 }

func (p *Page) detail(o *overview, q query, r *http.Request) detailPage {
	page := detailPage{frame: p.frame(o, q, r), View: q.View, Name: q.Component, Back: q.list(q.View).address()}
	if q.API != "" {
		page.Name = q.API
	}
	page.Title = line(page.Name) + " – " + page.Title
	of := owner{q.Registry, q.Component}
	at := slices.IndexFunc(o.entries, func(e *entry) bool { return e.owner() == of })
	if at < 0 {
		return page
	}
	e, now := o.entries[at], p.now()
	if q.API == "" {
		apis := e.sorted()
		page.part = newPart(q, len(apis))
		view := o.component(e, items(page.part, apis), now)
		page.Component = &view
		return page
	}
	view := o.component(e, nil, now)
	page.Owner = &view
	named := slices.DeleteFunc(e.sorted(), func(a *exposed) bool { return a.Name != q.API })
	page.part = newPart(q, len(named))
	page.Exposed = o.apiViews(items(page.part, named), now)
	return page
}
