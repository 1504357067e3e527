package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// shop serves three Components of TMF639 with an API each, registered a minute
// apart, and one that has none.
func shop(t *testing.T) *registrytest.Client {
	t.Helper()
	c, at := startAt(t, refregistry.Config{API: refregistry.TMF639})
	for _, body := range []string{
		document("self:catalog", "ODAComponent", "available", `namespace="north" functionalBlock="CoreCommerce" version="1.2.0" id="TMFC001" description="Products_of_the_shop"`, ""),
		document("self:catalog-products", "API", "available",
			`namespace="north" apiType="openapi" url="https://oda.example.org/catalog/v4" specification=[{"url":"https://specs.example.org/TMF620-ProductCatalog-v4.0.0.json"}] apiDocs="https://docs.example.org/620"`,
			"self:catalog"),
		document("self:party", "ODAComponent", "available", `namespace="south" functionalBlock="PartyManagement" version="2.0.0"`, ""),
		document("self:party-tools", "API", "standby", `namespace="south" apiType="mcp" url="http://party.south.svc.cluster.local:8080/mcp"`, "self:party"),
		document("self:bills", "ODAComponent", "standby", `namespace="north" functionalBlock="PartyManagement"`, ""),
		strings.Replace(document("self:bills-tmf678", "API", "available", `namespace="north" apiType="openapi" url="https://oda.example.org/bills"`, "self:bills"),
			`"category"`, `"resourceSpecification":{"@type":"ResourceSpecificationRef","id":"API","version":"v5"},"category"`, 1),
		document("self:idle", "ODAComponent", "available", ``, ""),
	} {
		at.Advance(time.Minute)
		c.Expect(201, "POST", "/resource", body)
	}
	return c
}

func TestPage_FindsAPIs(t *testing.T) {
	const catalog, party, bills = "catalog-products", "party-tools", "bills-tmf678"
	tests := []struct {
		name, query string
		want        []string
	}{
		{"all, newest first", "", []string{bills, party, catalog}},
		{"specification", "q=TMF620", []string{catalog}},
		{"specification by the name of the API", "q=tmf678", []string{bills}},
		{"specification and version", "q=TMF620+v4", []string{catalog}},
		{"version", "q=v5", []string{bills}},
		{"version of the specification", "q=4.0.0", []string{catalog}},
		{"host", "q=party.south.svc", []string{party}},
		{"path", "q=/bills", []string{bills}},
		{"description of the component", "q=products_OF", []string{catalog}},
		{"component", "q=party", []string{bills, party}}, // a block too
		{"component's label", "q=version%3D2.0.0", []string{party}},
		{"words of API and component", "q=TMFC001+oda.example", []string{catalog}},
		{"words not found together", "q=TMFC001+mcp", []string{}},
		{"ready", "state=ready", []string{bills, catalog}},
		{"pending", "state=pending", []string{party}},
		{"unknown state", "state=odd", []string{bills, party, catalog}},
		{"namespace", "namespace=north", []string{bills, catalog}},
		{"a part of a namespace", "namespace=nor", []string{}},
		{"functional block of the component", "block=PartyManagement", []string{bills, party}},
		{"type", "type=openapi", []string{bills, catalog}},
		{"filters together", "namespace=north&block=PartyManagement&type=openapi&state=ready&registry=self", []string{bills}},
		{"by name", "sort=name", []string{bills, catalog, party}},
		{"by specification, none last", "sort=specification", []string{catalog, bills, party}},
		{"by component", "sort=component", []string{bills, catalog, party}},
		{"by namespace", "sort=namespace", []string{bills, catalog, party}},
		{"unknown order", "sort=odd", []string{bills, party, catalog}},
	}
	c := shop(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			registrytest.Same(t, tt.want, matches(page(t, c, 200, "/?view=apis&"+tt.query), nameIn))
		})
	}
}

func TestPage_FindsComponents(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string
	}{
		{"newest first", "", []string{"idle", "bills", "party", "catalog"}},
		{"specification", "q=TMF620", []string{"catalog"}},
		{"host", "q=south.svc", []string{"party"}},
		{"description", "q=products_of", []string{"catalog"}},
		{"ready APIs", "state=ready", []string{"bills", "catalog"}},
		{"pending APIs", "state=pending", []string{"party"}},
		{"type and state of one API", "state=ready&type=mcp", []string{}},
		{"namespace", "namespace=north", []string{"bills", "catalog"}},
		{"functional block", "block=PartyManagement", []string{"bills", "party"}},
		{"by name", "sort=name", []string{"bills", "catalog", "idle", "party"}},
		{"by namespace", "sort=namespace", []string{"idle", "bills", "catalog", "party"}},
		{"order of APIs", "sort=specification", []string{"idle", "bills", "party", "catalog"}},
	}
	c := shop(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			registrytest.Same(t, tt.want, matches(page(t, c, 200, "/?"+tt.query), nameIn))
		})
	}
}

func TestPage_APIs(t *testing.T) {
	body := page(t, shop(t), 200, "/?view=apis")
	registrytest.Same(t, []string{"TMF678 v5", "TMF620 v4"}, matches(body, `class="spec"[^>]*>(.*?)<`))
	registrytest.Same(t, []string{"ready available", "pending standby", "ready available"}, states(body))
	registrytest.Same(t, []string{"?component=bills&registry=self", "?component=party&registry=self", "?component=catalog&registry=self"},
		unescaped(matches(body, `<p class="facts"><a href="(.*?)"`)))
	registrytest.Same(t, []string{
		"https://oda.example.org/bills", "http://party.south.svc.cluster.local:8080/mcp", "https://oda.example.org/catalog/v4",
	}, matches(body, `data-copy="(.*?)"`))
	registrytest.Same(t, []string{"party.south.svc.cluster.local:8080/mcp"}, matches(body, `>([^<]*)</a><span class="inside"`))
	registrytest.Same(t, []string{"north", "south"}, options(body, "namespace"))
	registrytest.Same(t, []string{"CoreCommerce", "PartyManagement"}, options(body, "block"))
	registrytest.Same(t, []string{"mcp", "openapi"}, options(body, "type"))
	registrytest.Same(t, []string{}, options(body, "registry")) // there is only one
}

// TestPage_KeepsTheSearch checks that changing the view, the page, or what is
// followed keeps everything else.
func TestPage_KeepsTheSearch(t *testing.T) {
	const search = "namespace=north&q=oda&registry=self&state=ready&type=openapi"
	body := page(t, shop(t), 200, "/?view=apis&sort=name&"+search)
	registrytest.Same(t, []string{"?" + strings.Replace(search, "&state", "&sort=name&state", 1), "?" + strings.Replace(search, "&state", "&sort=name&state", 1) + "&view=apis"},
		unescaped(matches(body, `<a href="([^"]*)"[^>]*>(?:Components|APIs) <b>`)))
	registrytest.Same(t, []string{"?follow=on&" + strings.Replace(search, "&state", "&sort=name&state", 1) + "&view=apis"}, unescaped(matches(body, `class="follow" href="(.*?)"`)))
	registrytest.Same(t, []string{"oda"}, matches(body, `name="q"[^>]* value="(.*?)"`))
	registrytest.Same(t, []string{"ready", "north", "openapi", "self", "name"}, matches(body, `<option value="([^"]*)" selected>`))
	registrytest.Same(t, []string{"apis"}, matches(body, `<input type="hidden" name="view" value="(.*?)"`))
}

func TestPage_FiltersWithTooManyValues(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	c.Registry("self")
	for i := range 301 {
		c.Component("self", fmt.Sprint("c", i), c.Label("namespace", fmt.Sprint("n", i)))
	}
	body := page(t, c, 200, "/?namespace=n77")
	registrytest.Same(t, []string{"c77"}, matches(body, nameIn))
	registrytest.Same(t, []string{"n77"}, matches(body, `<input id="namespace" name="namespace" value="(.*?)"`))
}

func TestPage_Bounded(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	c.Registry("self")
	var labels []int64
	for i := range 130 {
		labels = append(labels, c.Label(fmt.Sprintf("k%03d", i), "v"))
	}
	c.Component("self", "large", labels...)
	for i := range 61 {
		c.API("self", "large", fmt.Sprintf("a%02d", i))
	}
	body := page(t, c, 200, "/")
	registrytest.Same(t, 10, len(matches(body, apiIn)))
	registrytest.Same(t, []string{"and 51 more APIs"}, matches(body, `<p class="note"><a[^>]*>(.*?)</a>`))
	registrytest.Same(t, []string{"and 130 labels in all"}, matches(body, `<p class="note">(and.*?)</p>`))
	registrytest.Same(t, 100, len(matches(body, `<li><a href="\?q=[^"]*">(.*?)</a>`)))
	own := "/?component=large&registry=self"
	body = page(t, c, 200, own)
	registrytest.Same(t, 50, len(matches(body, `<h4><a[^>]*>(.*?)</a>`)))
	registrytest.Same(t, []string{own[1:] + "&page=2"}, sortedQueries(matches(body, `rel="next" href="(.*?)"`)))
	registrytest.Same(t, 11, len(matches(page(t, c, 200, own+"&page=2"), `<h4><a[^>]*>(.*?)</a>`)))
}

// sortedQueries decodes links and puts page last.
func sortedQueries(links []string) []string {
	out := []string{}
	for _, link := range unescaped(links) {
		values, _ := url.ParseQuery(link[1:])
		page := values.Get("page")
		values.Del("page")
		out = append(out, "?"+values.Encode()+"&page="+page)
	}
	return out
}
