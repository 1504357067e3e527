package web

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"odasync/internal/printable"
)

const (
	maxText        = 200  // characters that are shown of a text
	maxSummary     = 300  // characters of a description in a list
	maxDescription = 4000 // characters of a description, or of a specification that is no address
	maxRead        = 1024 // bytes that are searched of an address or a specification
	maxCopied      = 2048 // bytes of the longest address that can be copied
)

// address is a text, where it can be followed, and what is copied of it.
type address struct {
	Text string
	Href string // empty unless a browser may safely follow it
	Copy string // the whole address, empty if it has hidden characters
	// Internal is an address that only programs inside the cluster can resolve.
	Internal bool
}

// newAddress makes a link of what a browser may safely follow, without http://
// in its text; everything else is only text.
func newAddress(text string) address {
	var a address
	if len(text) <= maxCopied && printable.Line(text) == text {
		a.Copy = text
	}
	if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		a.Href, a.Internal = text, internal(u.Hostname())
		_, text, _ = strings.Cut(text, "://")
	}
	a.Text = shorten(text, maxText)
	return a
}

// internal reports whether a host is one of a cluster's own domains: a Service,
// or a name below .local, as in svc.cluster.local.
func internal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".local")
}

// line is one line of a text with visible characters only.
func line(text string) string { return printable.Line(shorten(text, maxText)) }

// prose is line for a text in which white space does not count.
func prose(text string, limit int) string {
	short := cut(text, limit)
	prose := strings.Join(strings.Fields(short), " ")
	if short != text {
		prose += "…"
	}
	return printable.Line(prose)
}

// shorten limits a text, and shows that there was more.
func shorten(text string, limit int) string {
	if short := cut(text, limit); short != text {
		return short + "…"
	}
	return text
}

// cut limits a text to a number of characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := 0
	for i := range text {
		if n == limit {
			return text[:i]
		}
		n++
	}
	return text
}

// head is the beginning of a text, which may end within a character.
func head(text string) string { return text[:min(len(text), maxRead)] }

// moment is the time of a change.
type moment struct{ Ago, At, Text string }

func newMoment(at, now time.Time) moment {
	at = at.UTC()
	return moment{ago(now.Sub(at), at), at.Format(time.RFC3339), at.Format("2 January 2006, 15:04:05 UTC")}
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
