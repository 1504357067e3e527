package web

import (
	"strings"
	"testing"
	"time"
)

func TestNewPageLink(t *testing.T) {
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
		t.Run(tt.text, func(t *testing.T) {
			if got := newPageLink(tt.text); got != tt.want {
				t.Errorf("link %+v, want %+v", got, tt.want)
			}
		})
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
