package refregistry

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// page gets the page at a path and demands its status.
func page(t *testing.T, c *client, want int, path string) string {
	t.Helper()
	got := c.do("GET", path, "")
	if got.status != want || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET %s: status %d %s, want %d and HTML", path, got.status, got.header.Get("Content-Type"), want)
	}
	return got.body
}

// matches finds the first group of every match, without space around it.
func matches(body, expression string) []string {
	out := []string{}
	for _, match := range regexp.MustCompile(`(?s)`+expression).FindAllStringSubmatch(body, -1) {
		out = append(out, strings.Join(strings.Fields(match[1]), " "))
	}
	return out
}

func TestPageShowsComponents(t *testing.T) {
	for _, path := range pagePaths {
		t.Run(path, func(t *testing.T) {
			_, c, at := startAt(t, Config{})
			seed(c)
			docs := c.label(developerUI, "https://docs.example.org/tmf620")
			must[any](c, 200, "PUT", "/exposed-apis/1", fmt.Sprintf(
				`{"status":"ready","oas_specification":"https://specs.example.org/620","label_ids":[1,2,%d,%d]}`, docs, c.label("segment", "core")))
			at.pass(3 * time.Minute)
			body := page(t, c, 200, path)
			same(t, []string{"inventory", "catalog"}, matches(body, `<h2>(.*?)</h2>`))
			same(t, []string{"tmf637", "metrics", "tmf620"}, matches(body, `<h3>(.*?)</h3>`))
			same(t, []string{"pending", "pending", "ready"}, matches(body, `<span class="state \w+">(\w+)</span>`))
			same(t, []string{"3 min ago", "3 min ago"}, matches(body, `<time datetime="2026-05-04T12:00:00Z" title="4 May 2026, 12:00:00 UTC">(.*?)</time>`))
			same(t, []string{"http://example.org/tmf637", "http://example.org/metrics", "http://example.org/tmf620"}, matches(body, `<a class="url" href="(.*?)"`))
			same(t, []string{"https://specs.example.org/620"}, matches(body, `<a href="([^"]*)"[^>]*>specification`))
			same(t, []string{"https://docs.example.org/tmf620"}, matches(body, `<a href="([^"]*)"[^>]*>developer UI`))
			// Of the API's labels only those that the component lacks; the address of its pages is a link already.
			same(t, []string{"<span>segment=</span>core", "<span>domain=</span>product", "<span>team=</span>blue"}, matches(body, `<li><a href="\?q=[^"]*">(.*?)</a>`))
			same(t, []string{"self", "up"}, matches(body, `<option>(.*?)</option>`))
			for _, words := range []string{"<b>2</b> components", "<b>3</b> APIs", "<b>1</b> ready", "<b>2</b> pending", "1–2 of 2, newest changes first"} {
				if !strings.Contains(body, words) {
					t.Errorf("the page lacks %q", words)
				}
			}
		})
	}
}

func TestPaging(t *testing.T) {
	_, c, at := startAt(t, Config{ShuffleLists: true})
	c.registry("self")
	c.label("team", "a&b")
	var want []string
	for i := range 120 {
		at.pass(time.Second)
		name := fmt.Sprintf("c%03d", i)
		c.component("self", name, 1)
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
			same(t, want[tt.first:tt.last], matches(body, `<h2>(.*?)</h2>`))
			same(t, append([]string{}, tt.newer...), unescaped(matches(body, `rel="prev" href="(.*?)"`)))
			same(t, append([]string{}, tt.older...), unescaped(matches(body, `rel="next" href="(.*?)"`)))
			if !strings.Contains(body, fmt.Sprintf("%d–%d of 120", tt.first+1, tt.last)) {
				t.Error("the page does not tell what it shows")
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

func TestFollowingReloads(t *testing.T) {
	_, c := start(t, Config{})
	seed(c)
	const reload = `<meta http-equiv="refresh" content="5">`
	for path, follows := range map[string]bool{"/": false, "/?follow=on": true, "/?follow=on&q=none": true} {
		if body := page(t, c, 200, path); strings.Contains(body, reload) != follows {
			t.Errorf("%s reloads: %v, want %v", path, !follows, follows)
		}
	}
}

func TestPageEscapes(t *testing.T) {
	_, c := start(t, Config{})
	const code = `<script>alert('"&')</script>`
	quoted := strings.ReplaceAll(code, `"`, `\"`)
	must[any](c, 201, "POST", "/registries/", `{"name":"`+quoted+`","type":"self","url":"u"}`)
	must[any](c, 201, "POST", "/labels/", `{"key":"`+quoted+`","value":"`+quoted+`"}`)
	must[any](c, 201, "POST", "/components/", `{"registry_name":"`+quoted+`","name":"`+quoted+`","label_ids":[1]}`)
	must[any](c, 201, "POST", "/exposed-apis/", `{"registry_name":"`+quoted+`","component_name":"`+quoted+`","name":"`+quoted+
		`","url":"javascript:`+quoted+`","oas_specification":"`+quoted+`"}`)
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(code), "/?q=script&registry=" + url.QueryEscape(code), "/?q=nothing" + url.QueryEscape(code)} {
		body := page(t, c, 200, path)
		if strings.Contains(body, "<script") {
			t.Errorf("%s has a script", path)
		}
		if strings.Contains(body, `href="javascript:`) || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s has a link that is code", path)
		}
	}
}

func TestPageLinks(t *testing.T) {
	long := "http://example.org/" + strings.Repeat("é", 300)
	tests := []struct {
		text string
		want pageLink
	}{
		{"http://example.org/a", pageLink{"example.org/a", "http://example.org/a"}},
		{"https://example.org", pageLink{"example.org", "https://example.org"}},
		{"HTTPS://example.org", pageLink{"example.org", "HTTPS://example.org"}},
		{long, pageLink{"example.org/" + strings.Repeat("é", 188) + "…", long}},
		{"http:///nowhere", pageLink{"http:///nowhere", ""}},
		{"javascript:alert(1)", pageLink{"javascript:alert(1)", ""}},
		{" javascript:alert(1)", pageLink{" javascript:alert(1)", ""}},
		{"data:text/html,x", pageLink{"data:text/html,x", ""}},
		{"//example.org", pageLink{"//example.org", ""}},
		{"/tmf-api", pageLink{"/tmf-api", ""}},
		{"http://a b", pageLink{"http://a b", ""}},
		{"", pageLink{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) { same(t, tt.want, newPageLink(tt.text)) })
	}
}

func TestAgo(t *testing.T) {
	at := time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)
	for past, want := range map[time.Duration]string{
		-time.Hour: "just now", 9 * time.Second: "just now", 10 * time.Second: "10 s ago", 59 * time.Second: "59 s ago",
		time.Minute: "1 min ago", 59 * time.Minute: "59 min ago", time.Hour: "1 h ago", 47 * time.Hour: "1 d ago",
		29 * 24 * time.Hour: "29 d ago", 30 * 24 * time.Hour: "4 May 2026",
	} {
		same(t, want, ago(past, at))
	}
}

func TestEmptyPage(t *testing.T) {
	_, c := start(t, Config{})
	body := page(t, c, 200, "/")
	for _, words := range []string{"No components yet", "COMPONENT_REGISTRY_URL=" + c.base + " bin/ctl run", "post components"} {
		if !strings.Contains(body, words) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if strings.Contains(body, "Authorization") {
		t.Error("the page speaks of a key that is not needed")
	}
	_, locked := start(t, Config{APIKey: "s3cret"})
	body = page(t, locked, 200, "/")
	if !strings.Contains(body, "Authorization: Bearer") || strings.Contains(body, "s3cret") {
		t.Error("the page does not tell how to send the key, or tells the key")
	}
}

func TestPageKey(t *testing.T) {
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
		{"key as the password", "/", basic("anybody", key), 200},
		{"without a user", "/components-gui", basic("", key), 200},
		{"key as the user", "/", basic(key, ""), 401},
		{"wrong password", "/", basic("anybody", "wrong"), 401},
		{"broken", "/", "Basic %", 401},
		{"token", "/", "Bearer " + key, 200},
		{"wrong token", "/", "Bearer wrong", 401},
		{"password for the API", "/components/", basic("anybody", key), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := start(t, Config{APIKey: key})
			req := c.request("GET", tt.path, "")
			req.Header.Set("Authorization", tt.authorization)
			got, err := c.send(req)
			if err != nil {
				t.Fatal(err)
			}
			same(t, tt.status, got.status)
			if tt.status == 401 && isPage(tt.path) {
				same(t, `Basic realm="Component Registry", charset="UTF-8"`, got.header.Get("WWW-Authenticate"))
				if !strings.Contains(got.body, "any user name, and the API key as the password") {
					t.Errorf("the page does not tell how to get in: %s", got.body)
				}
			}
		})
	}
}

func TestPageHeaders(t *testing.T) {
	_, c := start(t, Config{})
	got := c.do("GET", "/", "")
	policy := got.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'sha256-", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the content policy lacks %q: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("the content policy allows too much: %s", policy)
	}
	same(t, []string{"nosniff", "no-referrer", "no-store"}, []string{
		got.header.Get("X-Content-Type-Options"), got.header.Get("Referrer-Policy"), got.header.Get("Cache-Control"),
	})
}

func TestPageWithoutItsStore(t *testing.T) {
	s, c := start(t, Config{})
	s.store = brokenStore{}
	if body := page(t, c, 500, "/"); !strings.Contains(body, "The registry cannot read its content") {
		t.Errorf("the page does not tell: %s", body)
	}
}

func TestPageRoutes(t *testing.T) {
	s, c := start(t, Config{})
	tests := []struct {
		method, path string
		status       int
	}{
		{"POST", "/", 405}, {"DELETE", "/components-gui", 405}, {"HEAD", "/", 405}, {"GET", "/components-gui/", 307}, {"GET", "/index.html", 404},
	}
	for _, tt := range tests {
		same(t, tt.status, c.do(tt.method, tt.path, "").status)
	}
	page(t, c, 200, "/")
	page(t, c, 200, "/components-gui")
	same(t, map[string]int{"GET /": 1, "GET /components-gui": 1, "GET /components-gui/": 1, "*": 4}, s.Requests())
}
