package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"odasync/internal/printable"
)

const (
	perPage   = 50
	maxSearch = 320 // characters that are used of a search: the longest label of v1 has 301
)

// The views. The first one is the default.
const (
	viewComponents = "components"
	viewAPIs       = "apis"
)

// The states of an API, as a filter has them.
const (
	stateReady   = "ready"
	statePending = "pending"
)

// query is what a request asks for: a list, or with Component the page of a
// component, with API too that of an API.
type query struct {
	View           string
	Search         string // without hidden characters
	Registry       string
	Namespace      string
	Block          string
	Type           string
	State          string
	Sort           string
	Page           int // 1 is the first one
	Follow         bool
	Component, API string
}

// parseQuery takes what it knows, and the default for everything else.
func parseQuery(values url.Values) query {
	q := query{
		View:      viewComponents,
		Search:    cut(printable.Line(strings.TrimSpace(values.Get("q"))), maxSearch),
		Registry:  values.Get("registry"),
		Namespace: values.Get("namespace"),
		Block:     values.Get("block"),
		Type:      values.Get("type"),
		Follow:    values.Has("follow"),
		Component: values.Get("component"),
		API:       values.Get("api"),
	}
	if q.Component == "" {
		q.API = ""
	}
	if values.Get("view") == viewAPIs || q.API != "" {
		q.View = viewAPIs
	}
	if state := values.Get("state"); state == stateReady || state == statePending {
		q.State = state
	}
	q.Sort = orderOf(q.View, values.Get("sort"))
	q.Page, _ = strconv.Atoi(values.Get("page")) // what is no number is the first page
	q.Page = max(q.Page, 1)
	return q
}

// address is relative, so that it works under any path.
func (q query) address() string {
	values := url.Values{}
	set := func(name, value, byDefault string) {
		if value != byDefault {
			values.Set(name, value)
		}
	}
	set("component", q.Component, "")
	set("api", q.API, "")
	if q.API == "" {
		set("view", q.View, viewComponents)
	}
	set("q", q.Search, "")
	set("registry", q.Registry, "")
	set("namespace", q.Namespace, "")
	set("block", q.Block, "")
	set("type", q.Type, "")
	set("state", q.State, "")
	set("sort", q.Sort, orderOf(q.View, ""))
	set("page", strconv.Itoa(q.Page), "1")
	if q.Follow {
		values.Set("follow", "on")
	}
	return "?" + values.Encode()
}

// list returns the default list of a view, which is followed if this page is.
func (q query) list(view string) query {
	return query{View: view, Sort: orderOf(view, ""), Page: 1, Follow: q.Follow}
}

// in returns the same search in a view.
func (q query) in(view string) query {
	q.View, q.Sort, q.Page = view, orderOf(view, q.Sort), 1
	return q
}

// turn returns another page of the list.
func (q query) turn(page int) query {
	q.Page = page
	return q
}

// toggle returns the page that follows the changes, or no longer does.
func (q query) toggle() query {
	q.Follow = !q.Follow
	return q
}

// narrowed reports whether a list leaves anything out.
func (q query) narrowed() bool {
	all := q.list(q.View)
	all.Sort, all.Page = q.Sort, q.Page
	return q != all
}

// componentQuery asks for the page of a component, and apiQuery for that of one
// of its APIs.
func componentQuery(of owner) query {
	return query{View: viewComponents, Registry: of.registry, Component: of.component, Sort: orderOf(viewComponents, ""), Page: 1}
}

func apiQuery(of owner, name string) query {
	return query{View: viewAPIs, Registry: of.registry, Component: of.component, API: name, Sort: orderOf(viewAPIs, ""), Page: 1}
}

// order is a way to sort a list.
type order struct{ value, text string }

// orders are those of the views; the first one is the default.
var orders = map[string][]order{
	viewComponents: {{"changed", "newest changes first"}, {"name", "by name"}, {"namespace", "by namespace"}},
	viewAPIs: {
		{"changed", "newest changes first"}, {"name", "by name"}, {"specification", "by specification"},
		{"component", "by component"}, {"namespace", "by namespace"},
	},
}

// orderOf returns the order if the view has it, else its default.
func orderOf(view, value string) string {
	if slices.ContainsFunc(orders[view], func(o order) bool { return o.value == value }) {
		return value
	}
	return orders[view][0].value
}
