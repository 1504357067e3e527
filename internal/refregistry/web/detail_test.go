package web_test

import (
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// rows returns the terms of the page with their values, without markup.
func rows(body string) map[string]string {
	out := map[string]string{}
	for _, row := range matches(body, `<dt>(.*?</dd>)`) {
		term, value, _ := strings.Cut(row, "</dt>")
		for _, markup := range matches(value, `(<[^>]*>)`) {
			value = strings.Replace(value, markup, " ", 1)
		}
		out[term] = strings.Join(strings.Fields(value), " ")
	}
	return out
}

func TestPage_OfAComponent(t *testing.T) {
	c := shop(t)
	link := unescaped(matches(page(t, c, 200, "/?q=catalog"), `<h2><a href="(.*?)"`))[0]
	registrytest.Same(t, "?component=catalog&registry=self", link)
	body := page(t, c, 200, "/"+link)
	registrytest.Same(t, []string{"catalog"}, matches(body, `<h2>(.*?)</h2>`))
	registrytest.Same(t, []string{"catalog – Component Registry"}, matches(body, `<title>(.*?)</title>`))
	registrytest.Same(t, []string{"Products_of_the_shop"}, matches(body, `<p class="about">(.*?)</p>`))
	registrytest.Same(t, map[string]string{
		"Registry": "self", "Namespace": "north", "Functional block": "CoreCommerce", "Version": "1.2.0", "Component ID": "TMFC001", "Last change": "5 min ago",
	}, rows(body))
	registrytest.Same(t, []string{"?api=catalog-products&component=catalog&registry=self"}, unescaped(matches(body, `<h4><a href="(.*?)"`)))
	registrytest.Same(t, []string{"https://oda.example.org/catalog/v4"}, matches(body, `<input readonly value="(.*?)"`))
	registrytest.Same(t, []string{"4 labels"}, matches(body, `<details open><summary>(.*?)</summary>`))
	registrytest.Same(t, []string{"?follow=on&component=catalog&registry=self"}, follows(body))
}

// follows returns the link that follows the changes, with follow first.
func follows(body string) []string {
	out := []string{}
	for _, link := range unescaped(matches(body, `class="follow" href="(.*?)"`)) {
		out = append(out, "?follow=on&"+strings.Replace(link[1:], "follow=on&", "", 1))
	}
	return out
}

func TestPage_OfAnAPI(t *testing.T) {
	c := shop(t)
	for _, at := range []string{"/", "/components-gui"} {
		body := page(t, c, 200, at+unescaped(matches(page(t, c, 200, at+"?view=apis&q=tmf620"), `<h2><a href="(.*?)"`))[0])
		registrytest.Same(t, []string{`catalog-products <span class="state ready">available</span> <span class="spec">TMF620 v4</span>`}, matches(body, `<h2>(.*?)</h2>`))
		registrytest.Same(t, []string{
			"https://oda.example.org/catalog/v4", "https://specs.example.org/TMF620-ProductCatalog-v4.0.0.json", "https://docs.example.org/620",
		}, matches(body, `<input readonly value="(.*?)"`))
		got := rows(body)
		registrytest.Same(t, []string{"catalog Products_of_the_shop", "self", "north", "CoreCommerce", "openapi"},
			[]string{got["Component"], got["Registry"], got["Namespace"], got["Functional block"], got["Type"]})
		registrytest.Same(t, []string{"?component=catalog&registry=self"}, unescaped(matches(body, `<dt>Component</dt><dd><a href="(.*?)"`)))
	}
	body := page(t, c, 200, "/?component=party&api=party-tools&registry=self")
	registrytest.Same(t, 1, strings.Count(body, `class="inside"`))
}

func TestPage_OfWhatIsNotThere(t *testing.T) {
	c := shop(t)
	for _, query := range []string{
		"component=none&registry=self", "component=catalog&registry=other", "component=catalog", "component=catalog&registry=self&api=none",
		"component=party&registry=self&api=catalog-products",
	} {
		if body := page(t, c, 404, "/?"+query); !strings.Contains(body, "is not registered") {
			t.Errorf("%s: %s", query, body)
		}
	}
}

func TestPage_OfAPIsOfOneName(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.API("self", "catalog", "tmf620")
	body := page(t, c, 200, "/?component=catalog&registry=self&api=tmf620")
	registrytest.Same(t, 2, strings.Count(body, "<article"))
}

func TestPage_OfALeftover(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(204, "DELETE", "/components/1", "")
	const gone = "no longer registered"
	for _, query := range []string{"", "&api=tmf620"} {
		if body := page(t, c, 200, "/?component=catalog&registry=self"+query); !strings.Contains(body, gone) {
			t.Errorf("%q: the page does not say that the component is gone: %s", query, body)
		}
	}
}

func TestPage_SpecificationThatIsText(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	c.Expect(200, "PUT", "/exposed-apis/1", `{"oas_specification":"openapi: 3.1.0\n<b>info</b>:\u202e `+strings.Repeat("long", 2000)+`"}`)
	body := page(t, c, 200, "/?component=catalog&registry=self&api=tmf620")
	text := matches(body, `<pre tabindex="0">(.*?)</pre>`)
	if len(text) != 1 || !strings.HasPrefix(text[0], `openapi: 3.1.0 &lt;b&gt;info&lt;/b&gt;:\u202e longlong`) || len(text[0]) > 4200 {
		t.Errorf("specification %.100s", text)
	}
}
