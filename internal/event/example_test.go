package event_test

import (
	"fmt"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// The key of a component is its subject; names with dots and other bytes are escaped.
func ExampleSubject() {
	key := component.Key{Cluster: "edge.1", Namespace: "components", Name: "product-catalog"}
	subject := event.Subject(key)
	fmt.Println(subject)
	parsed, err := event.ParseSubject(subject)
	fmt.Println(parsed, err)
	// Output:
	// oda.components.v1.edge=2E1.components.product-catalog
	// edge.1/components/product-catalog <nil>
}

// A watcher encodes what it saw, after the last message of the component (here 41); a syncer decodes the delivered message.
func ExampleEncode() {
	key := component.Key{Cluster: "edge", Namespace: "components", Name: "catalog"}
	seen := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	m := event.Encode(event.Tombstone(key, "uid-1", "100", seen), 41)
	fmt.Println(m.Header[event.HeaderType][0], "after", m.Follows())

	e, err := event.Decode(m, 42)
	fmt.Println(e.Key, "deleted:", e.Deleted(), "version:", e.Sequence, err)
	// Output:
	// org.tmforum.oda.component.deleted.v1 after 41
	// edge/components/catalog deleted: true version: 42 <nil>
}

// A snapshot marker covers the namespaces whose scopes could be listed.
func ExampleSnapshot_Lists() {
	s := event.Snapshot{ID: "1", Cluster: "edge", Unlisted: []string{"staging"}}
	fmt.Println(s.Lists("components"), s.Lists("staging"))
	// Output: true false
}
