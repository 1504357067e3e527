package watcher

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
)

// ns is the namespace of most tests; scopes of it.
const ns = "odacompns-1"

func scope(t testing.TB, text string) component.Scope {
	t.Helper()
	s, err := component.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// seen is the sight of a component whose content is told by one word.
func seen(name, content string) component.Observation {
	return seenIn(ns, name, content)
}

func seenIn(namespace, name, content string) component.Observation {
	return component.Observation{
		Namespace: namespace, Name: name, UID: "uid-" + name, ResourceVersion: "1", Seen: time.Unix(1700000000, 0),
		Component: &component.Component{Namespace: namespace, Name: name, Metadata: component.Metadata{Description: content}},
	}
}

func withUID(o component.Observation, uid string) component.Observation {
	o.UID = uid
	return o
}

func deleted(name string) component.Observation {
	return component.Observation{
		Namespace: ns, Name: name, UID: "uid-" + name, ResourceVersion: "2", Seen: time.Unix(1700000001, 0), Deleted: true,
	}
}

func malformed(name string) component.Observation {
	return component.Observation{
		Namespace: ns, Name: name, UID: "uid-" + name, ResourceVersion: "3", Seen: time.Unix(1700000002, 0),
		Err: &component.FieldError{Field: "spec", Problem: "is missing"},
	}
}

// large is content of that many bytes.
func large(bytes int) string { return strings.Repeat("x", bytes) }
