package inventory_test

import (
	"fmt"
	"runtime"
	"testing"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
	"odasync/internal/watcher/inventory"
)

// The inventory has an entry for each component, which determines the memory for a large cluster.
func TestInventory_Memory(t *testing.T) {
	const count, limit = 100_000, 170 // bytes each, names of 12 letters included
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	all := inventory.New()
	for i := range count {
		key := component.Key{Cluster: "east", Namespace: fmt.Sprintf("team-%d", i%20), Name: fmt.Sprintf("scale-%06d", i)}
		all.Published(event.Head{Key: key, Sequence: uint64(i + 1), Hash: component.Hash([]byte(key.Name)), UID: "6d9c3f6e-0000-4000-8000-" + key.Name})
	}
	used := (heap() - before) / count
	t.Logf("%d bytes a component", used)
	testcheck.AtMost(t, "bytes a component", limit, used)
	if all.Len() != count {
		t.Error("not all are there")
	}
}

// The heads are read while a publish without an answer may still arrive.
func TestInventory_RescanKeepsTheDoubt(t *testing.T) {
	known := inventory.New()
	key := component.Key{Namespace: "components", Name: "a"}
	n := inventory.Name{Namespace: "components", Name: "a"}
	known.Published(event.Head{Key: key, Sequence: 5, Hash: "A"})
	known.MarkInDoubt(n)
	known.BeginRescan()
	known.Rescanned(event.Head{Key: key, Sequence: 5, Hash: "A"})
	if !known.Get(n).InDoubt {
		t.Error("the message from before the publish ended the doubt")
	}
	known.Rescanned(event.Head{Key: key, Sequence: 6, Hash: "B"})
	if got := known.Get(n); got.InDoubt || got.Hash != inventory.DigestOf("B") {
		t.Errorf("entry %+v", got)
	}
}

// A component that was created again and has vanished again stays absent when its first deletion is published.
func TestInventory_PublishedDeletionKeepsTheAbsence(t *testing.T) {
	all := testcheck.Must(component.ParseScope("all"))
	key := component.Key{Namespace: "components", Name: "a"}
	n := inventory.Name{Namespace: "components", Name: "a"}
	for name, test := range map[string]struct {
		again bool
		want  inventory.Presence
	}{"when it was created again": {true, inventory.Absent}, "when it was not": {false, inventory.Present}} {
		t.Run(name, func(t *testing.T) {
			known := inventory.New()
			known.NextGeneration()
			known.See(n)
			known.Published(event.Head{Key: key, Sequence: 1, Hash: "A"})
			known.ReportDeleted(n, inventory.Deleting)
			if test.again {
				known.See(n)
			}
			known.MarkAbsent(known.NextGeneration(), all, nil, func(inventory.Name) bool { return true })
			known.Published(event.Head{Key: key, Sequence: 2, Deleted: true})
			testcheck.Equal(t, "presence", test.want, known.Get(n).Presence)
		})
	}
}
