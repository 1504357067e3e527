package web

import (
	"strings"
	"testing"
	"time"
)

func TestNewAddress(t *testing.T) {
	long := "http://example.org/" + strings.Repeat("é", 300)
	tests := []struct {
		text string
		want address
	}{
		{"http://example.org/a", address{Text: "example.org/a", Href: "http://example.org/a", Copy: "http://example.org/a"}},
		{"https://example.org", address{Text: "example.org", Href: "https://example.org", Copy: "https://example.org"}},
		{"HTTPS://example.org", address{Text: "example.org", Href: "HTTPS://example.org", Copy: "HTTPS://example.org"}},
		{long, address{Text: "example.org/" + strings.Repeat("é", 188) + "…", Href: long, Copy: long}},
		{"http:///nowhere", address{Text: "http:///nowhere", Copy: "http:///nowhere"}},
		{"javascript:alert(1)", address{Text: "javascript:alert(1)", Copy: "javascript:alert(1)"}},
		{" javascript:alert(1)", address{Text: " javascript:alert(1)", Copy: " javascript:alert(1)"}},
		{"data:text/html,x", address{Text: "data:text/html,x", Copy: "data:text/html,x"}},
		{"//example.org", address{Text: "//example.org", Copy: "//example.org"}},
		{"/tmf-api", address{Text: "/tmf-api", Copy: "/tmf-api"}},
		{"http://a b", address{Text: "http://a b", Copy: "http://a b"}},
		{"http://a/\u202e", address{Text: "a/\u202e", Href: "http://a/\u202e"}},
		{"x" + strings.Repeat("y", maxCopied), address{Text: "x" + strings.Repeat("y", 199) + "…"}},
		{"", address{}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			if got := newAddress(tt.text); got != tt.want {
				t.Errorf("address %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNewAddress_Internal(t *testing.T) {
	for text, want := range map[string]bool{
		"http://catalog.shop.svc:8080/tmf620": true, "http://catalog.shop.svc.cluster.local/": true, "http://Catalog.Shop.SVC.": true,
		"https://canvas.local/x": true, "http://svc.example.org/": false, "https://local/": false, "https://oda.example.org/a.svc": false,
		"catalog.shop.svc": false,
	} {
		if got := newAddress(text).Internal; got != want {
			t.Errorf("%s: internal %v, want %v", text, got, want)
		}
	}
}

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"a \n b": "a b", "abcde": "abcde", "abcdef": "abcde…", "a\u202eb": `a\u202eb`, "": "",
	} {
		if got := prose(text, 5); got != want {
			t.Errorf("prose(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	at := time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)
	for past, want := range map[time.Duration]string{
		-time.Hour: "just now", 9 * time.Second: "just now", 10 * time.Second: "10 s ago", 59 * time.Second: "59 s ago",
		time.Minute: "1 min ago", 59 * time.Minute: "59 min ago", time.Hour: "1 h ago", 47 * time.Hour: "1 d ago",
		29 * 24 * time.Hour: "29 d ago", 30 * 24 * time.Hour: "4 May 2026",
	} {
		if got := ago(past, at); got != want {
			t.Errorf("ago(%s) = %q, want %q", past, got, want)
		}
	}
}
