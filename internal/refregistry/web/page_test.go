package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/refregistry/web"
)

// startAt serves a registry whose clock the test moves.
func startAt(t *testing.T, cfg refregistry.Config) (*registrytest.Client, *registrytest.Clock) {
	t.Helper()
	at := registrytest.Noon()
	cfg.Now = at.Now
	_, c := registrytest.Start(t, cfg)
	return c, at
}

// page requests the page at a path and requires its status.
func page(t *testing.T, c *registrytest.Client, want int, path string) string {
	t.Helper()
	got := c.Do("GET", path, "")
	if got.Status != want || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET %s: status %d %s, want %d and HTML", path, got.Status, got.Header.Get("Content-Type"), want)
	}
	return got.Body
}

// matches returns the first group of every match, with collapsed whitespace.
func matches(body, expression string) []string {
	out := []string{}
	for _, match := range regexp.MustCompile(`(?s)`+expression).FindAllStringSubmatch(body, -1) {
		out = append(out, strings.Join(strings.Fields(match[1]), " "))
	}
	return out
}

// options returns the choices of a filter, without that of everything.
func options(body, filter string) []string {
	choice := regexp.MustCompile(`(?s)<select id="` + filter + `".*?</select>`).FindString(body)
	return matches(choice, `<option value="[^"]+"(?: selected)?>(.*?)</option>`)
}

func TestPage_Components(t *testing.T) {
	for _, path := range web.Paths {
		t.Run(path, func(t *testing.T) {
			c, at := startAt(t, refregistry.Config{})
			c.Seed()
			docs := c.Label("developerUI", "https://docs.example.org/tmf620")
			c.Expect(200, "PUT", "/exposed-apis/1", fmt.Sprintf(
				`{"status":"ready","oas_specification":"https://specs.example.org/620","label_ids":[1,2,%d,%d]}`, docs, c.Label("segment", "core")))
			at.Advance(3 * time.Minute)
			body := page(t, c, 200, path)
			registrytest.Same(t, []string{"inventory", "catalog"}, matches(body, nameIn))
			registrytest.Same(t, []string{"tmf637", "metrics", "tmf620"}, matches(body, apiIn))
			registrytest.Same(t, []string{"pending", "pending", "ready"}, matches(body, `<span class="state \w+">(\w+)</span>`))
			registrytest.Same(t, []string{"3 min ago", "3 min ago"}, matches(body, `<time datetime="2026-05-04T12:00:00Z" title="4 May 2026, 12:00:00 UTC">(.*?)</time>`))
			registrytest.Same(t, []string{"http://example.org/tmf637", "http://example.org/metrics", "http://example.org/tmf620"}, matches(body, `<a class="url" href="(.*?)"`))
			registrytest.Same(t, []string{"https://specs.example.org/620"}, matches(body, `<a class="spec" href="([^"]*)"`))
			registrytest.Same(t, []string{"https://docs.example.org/tmf620"}, matches(body, `<a href="([^"]*)"[^>]*>developer UI`))
			registrytest.Same(t, []string{"2 labels"}, matches(body, `<summary>(.*?)</summary>`))
			registrytest.Same(t, []string{"<span>domain=</span>product", "<span>team=</span>blue"}, matches(body, `<li><a href="\?q=[^"]*">(.*?)</a>`))
			registrytest.Same(t, []string{"self", "up"}, options(body, "registry"))
			for _, text := range []string{"Components <b>2</b>", "APIs <b>3</b>", "<b>1</b> ready", "<b>2</b> pending", "1–2 of 2, newest changes first"} {
				if !strings.Contains(body, text) {
					t.Errorf("the page lacks %q", text)
				}
			}
		})
	}
}

func TestPage_Paging(t *testing.T) {
	c, at := startAt(t, refregistry.Config{ShuffleLists: true})
	c.Registry("self")
	c.Label("team", "a&b")
	var want []string
	for i := range 120 {
		at.Advance(time.Second)
		name := fmt.Sprintf("c%03d", i)
		c.Component("self", name, 1)
		want = append([]string{name}, want...)
	}
	const search = "q=team%3Da%26b&registry=self&follow=on"
	tests := []struct {
		query        string
		first, last  int
		newer, older []string
	}{
		{"", 0, 50, nil, []string{"?page=2"}},
		{"page=1", 0, 50, nil, []string{"?page=2"}},
		{"page=2", 50, 100, []string{"?"}, []string{"?page=3"}},
		{"page=3", 100, 120, []string{"?page=2"}, nil},
		{"page=99", 100, 120, []string{"?page=2"}, nil},
		{"page=-1", 0, 50, nil, []string{"?page=2"}},
		{"page=two", 0, 50, nil, []string{"?page=2"}},
		{search + "&page=2", 50, 100, []string{"?follow=on&q=team%3Da%26b&registry=self"}, []string{"?follow=on&page=3&q=team%3Da%26b&registry=self"}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			body := page(t, c, 200, "/?"+tt.query)
			registrytest.Same(t, want[tt.first:tt.last], matches(body, nameIn))
			registrytest.Same(t, append([]string{}, tt.newer...), unescaped(matches(body, `rel="prev" href="(.*?)"`)))
			registrytest.Same(t, append([]string{}, tt.older...), unescaped(matches(body, `rel="next" href="(.*?)"`)))
			if !strings.Contains(body, fmt.Sprintf("%d–%d of 120", tt.first+1, tt.last)) {
				t.Error("the page lacks its range")
			}
		})
	}
}

func unescaped(links []string) []string {
	out := []string{}
	for _, link := range links {
		out = append(out, strings.ReplaceAll(link, "&amp;", "&"))
	}
	return out
}

func TestPage_FollowReloads(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	const reload = `<meta http-equiv="refresh" content="5">`
	for path, follows := range map[string]bool{"/": false, "/?follow=on": true, "/?follow=on&q=none": true} {
		if body := page(t, c, 200, path); strings.Contains(body, reload) != follows {
			t.Errorf("%s reloads: %v, want %v", path, !follows, follows)
		}
	}
}

func TestPage_EscapesContent(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	const code = `<script>alert('"&')</script>`
	quoted := strings.ReplaceAll(code, `"`, `\"`)
	c.Expect(201, "POST", "/registries/", `{"name":"`+quoted+`","type":"self","url":"u"}`)
	c.Expect(201, "POST", "/labels/", `{"key":"`+quoted+`","value":"`+quoted+`"}`)
	c.Expect(201, "POST", "/components/", `{"registry_name":"`+quoted+`","name":"`+quoted+`","label_ids":[1]}`)
	c.Expect(201, "POST", "/exposed-apis/", `{"registry_name":"`+quoted+`","component_name":"`+quoted+`","name":"`+quoted+
		`","url":"javascript:`+quoted+`","oas_specification":"`+quoted+`"}`)
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(code), "/?q=script&registry=" + url.QueryEscape(code), "/?q=nothing" + url.QueryEscape(code)} {
		body := page(t, c, 200, path)
		if strings.Count(body, "<script") != 1 {
			t.Errorf("%s has a script that is not the page's own", path)
		}
		if strings.Contains(body, `href="javascript:`) || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s has a link with code", path)
		}
	}
}

func TestPage_ShowsHiddenCharacters(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	const name, shown = "\u202egpj.exe\u200b", `\u202egpj.exe\u200b`
	c.Expect(201, "POST", "/registries/", `{"name":"`+name+`","type":"self","url":"u"}`)
	c.Expect(201, "POST", "/registries/", `{"name":"other","type":"self","url":"u"}`)
	c.Expect(201, "POST", "/labels/", `{"key":"`+name+`","value":"`+name+`"}`)
	c.Expect(201, "POST", "/components/", `{"registry_name":"`+name+`","name":"`+name+`","label_ids":[1]}`)
	c.Expect(201, "POST", "/exposed-apis/", `{"registry_name":"`+name+`","component_name":"`+name+`","name":"`+name+
		`","url":"`+name+`","oas_specification":"`+name+`"}`)
	body := page(t, c, 200, "/")
	for _, expression := range []string{
		nameIn, apiIn, `<span class="url plain">(.*?)</span>`, `<li><a href="\?q=[^"]*"><span>(.*?)=</span>`, `=</span>(.*?)</a>`,
		`<span class="registry"[^>]*>(.*?)</span>`,
	} {
		registrytest.Same(t, []string{shown}, matches(body, expression))
	}
	registrytest.Same(t, []string{"other", shown}, options(body, "registry"))
	of := "registry=" + url.QueryEscape(name) + "&component=" + url.QueryEscape(name)
	for _, query := range []string{
		"q=" + url.QueryEscape(name), "q=" + url.QueryEscape(shown), "view=apis&q=" + url.QueryEscape(name),
		of, of + "&api=" + url.QueryEscape(name), "view=apis", "namespace=" + url.QueryEscape(name),
	} {
		body := page(t, c, 200, "/?"+query)
		if !strings.Contains(body, shown) || strings.Contains(attributes.ReplaceAllString(body, ""), "\u202e") {
			t.Errorf("%s: the page has hidden characters: %s", query, body)
		}
		if query[0] == 'q' && !strings.Contains(body, "<title>"+shown+" – ") {
			t.Errorf("%s: the title of the search is not %s", query, shown)
		}
		if strings.Contains(body, "data-copy=") {
			t.Errorf("%s: an address with hidden characters can be copied", query)
		}
	}
}

// attributes matches those whose exact value the browser sends back, and never shows.
var attributes = regexp.MustCompile(`(<option value|href)="[^"]*"`)

func TestPage_WithoutComponents(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	body := page(t, c, 200, "/")
	for _, text := range []string{"No components yet", "COMPONENT_REGISTRY_URL=" + c.URL + " bin/ctl run", "post components"} {
		if !strings.Contains(body, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	if strings.Contains(body, "Authorization") {
		t.Error("the page explains a key that is not needed")
	}
	_, locked := registrytest.Start(t, refregistry.Config{APIKey: "s3cret"})
	body = page(t, locked, 200, "/")
	if !strings.Contains(body, "Authorization: Bearer") || strings.Contains(body, "s3cret") {
		t.Error("the page does not explain how to send the key, or contains the key")
	}
}

func TestPage_Key(t *testing.T) {
	const key = "s3cret"
	basic := func(user, password string) string {
		req, _ := http.NewRequest("GET", "/", nil) // a valid request
		req.SetBasicAuth(user, password)
		return req.Header.Get("Authorization")
	}
	tests := []struct {
		name, path, authorization string
		status                    int
	}{
		{"no key", "/", "", 401},
		{"key as the password", "/", basic("any-user", key), 200},
		{"without a user", "/components-gui", basic("", key), 200},
		{"key as the user", "/", basic(key, ""), 401},
		{"wrong password", "/", basic("any-user", "wrong"), 401},
		{"broken", "/", "Basic %", 401},
		{"token", "/", "Bearer " + key, 200},
		{"wrong token", "/", "Bearer wrong", 401},
		{"password for the API", "/components/", basic("any-user", key), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := registrytest.Start(t, refregistry.Config{APIKey: key})
			req := c.Request("GET", tt.path, "")
			req.Header.Set("Authorization", tt.authorization)
			got := c.Answer(req)
			registrytest.Same(t, tt.status, got.Status)
			if tt.status == 401 && web.Serves(tt.path) {
				registrytest.Same(t, `Basic realm="Component Registry", charset="UTF-8"`, got.Header.Get("WWW-Authenticate"))
				if !strings.Contains(got.Body, "any user name, and the API key as the password") {
					t.Errorf("the page does not explain how to send the key: %s", got.Body)
				}
			}
		})
	}
}

func TestPage_Headers(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	got := c.Do("GET", "/", "")
	policy := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the content policy lacks %q: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(strings.ReplaceAll(policy, "form-action 'self'", ""), "self") {
		t.Errorf("the content policy allows too much: %s", policy)
	}
	registrytest.Same(t, []string{"nosniff", "no-referrer", "no-store"}, []string{
		got.Header.Get("X-Content-Type-Options"), got.Header.Get("Referrer-Policy"), got.Header.Get("Cache-Control"),
	})
}

func TestPage_Routes(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	tests := []struct {
		method, path string
		status       int
	}{
		{"POST", "/", 405}, {"DELETE", "/components-gui", 405}, {"HEAD", "/", 405}, {"GET", "/components-gui/", 307}, {"GET", "/index.html", 404},
	}
	for _, tt := range tests {
		registrytest.Same(t, tt.status, c.Do(tt.method, tt.path, "").Status)
	}
	page(t, c, 200, "/")
	page(t, c, 200, "/components-gui")
	registrytest.Same(t, map[string]int{"GET /": 1, "GET /components-gui": 1, "GET /components-gui/": 1, "*": 4}, s.Requests())
}
