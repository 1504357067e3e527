package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	perPage     = 50
	maxSearch   = 320 // characters that are used of a search: the longest label has 301
	maxText     = 200 // characters that are shown of a text
	reloadEvery = 5   // seconds, of a page that follows the changes
)

// DeveloperUI is the label that holds the address of an API's page for developers.
const DeveloperUI = "developerUI"

// pageView is the data of the template.
type pageView struct {
	Style  template.CSS
	Host   string // the registry's address as the browser knows it
	Access Access

	Search, Registry string
	Registries       []string
	Reload           int // seconds, 0 for never

	Components, APIs, Ready, Pending int // in all
	Found, First, Last, Page, Pages  int
	Entries                          []entryView

	Newer, Older, Toggle, All string // links, empty for none
}

type entryView struct {
	Name, Registry  string
	Gone            bool // only its APIs are left
	Ago, At, AtText string
	APIs            []pageAPI
	Labels          []pageLabel
}

type pageAPI struct {
	Name, Status                    string
	Ready                           bool
	URL, Specification, DeveloperUI pageLink
	Labels                          []pageLabel // without those of the component
}

// pageLabel links to everything that has the label.
type pageLabel struct{ Key, Value, Link string }

// pageLink is a text, and an address where it can be followed.
type pageLink struct{ Text, Href string }

// view selects what the request asks for.
func (p *Page) view(o *overview, r *http.Request) pageView {
	query := r.URL.Query()
	v := pageView{
		Style: template.CSS(style), Host: "http://" + r.Host, Access: p.access,
		Search: cut(strings.TrimSpace(query.Get("q")), maxSearch), Registry: query.Get("registry"),
		Registries: o.registries, Components: o.components(), APIs: o.apis, Ready: o.ready, Pending: o.apis - o.ready,
	}
	if r.TLS != nil {
		v.Host = "https://" + r.Host
	}
	if query.Has("follow") {
		v.Reload = reloadEvery
	}
	found := o.find(v.Registry, v.Search)
	v.Found = len(found)
	v.Pages = max(1, (v.Found+perPage-1)/perPage)
	v.Page, _ = strconv.Atoi(query.Get("page")) // what is no number is the first page
	v.Page = min(max(v.Page, 1), v.Pages)
	start := (v.Page - 1) * perPage
	for _, e := range found[start:min(start+perPage, v.Found)] {
		v.Entries = append(v.Entries, o.entryView(e, p.now()))
	}
	v.First, v.Last = min(start+1, v.Found), start+len(v.Entries)
	v.link()
	return v
}

func (p *pageView) link() {
	if p.Page > 1 {
		p.Newer = p.address(p.Page-1, p.Reload > 0)
	}
	if p.Page < p.Pages {
		p.Older = p.address(p.Page+1, p.Reload > 0)
	}
	if p.Search != "" || p.Registry != "" {
		p.All = (&pageView{Reload: p.Reload}).address(1, p.Reload > 0)
	}
	p.Toggle = p.address(p.Page, p.Reload == 0)
}

// address is relative, so that it works under any path.
func (p *pageView) address(page int, follow bool) string {
	query := url.Values{}
	if p.Search != "" {
		query.Set("q", p.Search)
	}
	if p.Registry != "" {
		query.Set("registry", p.Registry)
	}
	if page > 1 {
		query.Set("page", strconv.Itoa(page))
	}
	if follow {
		query.Set("follow", "on")
	}
	return "?" + query.Encode()
}

func (o *overview) entryView(e entry, now time.Time) entryView {
	changed := e.Changed.UTC()
	view := entryView{
		Name: e.Name, Registry: e.Registry, Gone: e.ID == 0,
		Ago: ago(now.Sub(changed), changed), At: changed.Format(time.RFC3339), AtText: changed.Format("2 January 2006, 15:04:05 UTC"),
		Labels: o.pageLabels(e.LabelIDs, func(Label) bool { return true }),
	}
	has := map[int64]bool{}
	for _, id := range e.LabelIDs {
		has[id] = true
	}
	apis := slices.Clone(e.apis)
	slices.SortFunc(apis, func(a, b API) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for _, api := range apis {
		item := pageAPI{Name: api.Name, Status: api.Status, Ready: api.Ready, URL: newPageLink(api.URL), Specification: newPageLink(api.Specification)}
		item.Labels = o.pageLabels(api.LabelIDs, func(label Label) bool {
			if label.Key == DeveloperUI {
				item.DeveloperUI = newPageLink(label.Value)
				return false
			}
			return !has[label.ID] && !(label.Key == "api-name" && label.Value == api.Name)
		})
		view.APIs = append(view.APIs, item)
	}
	return view
}

// pageLabels resolves ids, leaves dangling ones out, and sorts by key.
func (o *overview) pageLabels(ids []int64, wanted func(Label) bool) []pageLabel {
	var labels []pageLabel
	for _, id := range ids {
		label, ok := o.labels[id]
		if !ok || !wanted(label) {
			continue
		}
		labels = append(labels, pageLabel{
			Key: label.Key, Value: label.Value, Link: (&pageView{Search: label.Key + "=" + label.Value}).address(1, false),
		})
	}
	slices.SortFunc(labels, func(a, b pageLabel) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value)) })
	return labels
}

// newPageLink makes a link of what a browser may safely follow, without http://
// in its text; everything else is only text.
func newPageLink(text string) pageLink {
	var link pageLink
	if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		link.Href = text
		_, text, _ = strings.Cut(text, "://")
	}
	if link.Text = cut(text, maxText); link.Text != text {
		link.Text += "…"
	}
	return link
}

// cut limits a text to a number of characters.
func cut(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit])
	}
	return text
}

// ago formats the age of a change; after a month it is the date.
func ago(past time.Duration, at time.Time) string {
	switch {
	case past < 10*time.Second: // a clock put back since then included
		return "just now"
	case past < time.Minute:
		return fmt.Sprintf("%d s ago", past/time.Second)
	case past < time.Hour:
		return fmt.Sprintf("%d min ago", past/time.Minute)
	case past < 24*time.Hour:
		return fmt.Sprintf("%d h ago", past/time.Hour)
	case past < 30*24*time.Hour:
		return fmt.Sprintf("%d d ago", past/(24*time.Hour))
	}
	return at.Format("2 January 2006")
}
