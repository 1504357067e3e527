package event_test

import (
	"testing"

	"odasync/internal/component"
	"odasync/internal/event"
)

// BenchmarkEncode and BenchmarkDecode show what the trace context costs a message: nothing where there is none.
func BenchmarkEncode(b *testing.B) {
	e, traced := benchEvents()
	b.Run("untraced", func(b *testing.B) { encode(b, e) })
	b.Run("traced", func(b *testing.B) { encode(b, traced) })
}

func BenchmarkDecode(b *testing.B) {
	e, traced := benchEvents()
	b.Run("untraced", func(b *testing.B) { decode(b, e) })
	b.Run("traced", func(b *testing.B) { decode(b, traced) })
}

func benchEvents() (e, traced event.Event) {
	key := component.Key{Cluster: "edge-1", Namespace: "components", Name: "prod-productcatalog"}
	e = event.Upserted(key, component.Observation{UID: "u", ResourceVersion: "7", Seen: seen, Component: catalog()})
	traced = e
	traced.Trace = event.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "vendor=1"}
	return e, traced
}

func encode(b *testing.B, e event.Event) {
	b.ReportAllocs()
	for b.Loop() {
		if m := event.Encode(e, 41); len(m.Data) == 0 {
			b.Fatal("no body")
		}
	}
}

func decode(b *testing.B, e event.Event) {
	m := event.Encode(e, 41)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(m, 42); err != nil {
			b.Fatal(err)
		}
	}
}
