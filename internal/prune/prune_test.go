package prune_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/testcheck"
)

func keys(count int) []component.Key {
	all := make([]component.Key, count)
	for i := range all {
		all[i] = component.Key{Cluster: "east", Namespace: "ns", Name: fmt.Sprintf("c%03d", i)}
	}
	return all
}

func TestConfig_Check(t *testing.T) {
	tests := []struct {
		percent, gone, all int
		pending            bool
	}{
		{30, 0, 0, false},
		{30, 0, 100, false},
		{30, 9, 10, false}, // below the minimum
		{30, 9, 9, true},   // everything
		{30, 3, 3, true},
		{30, 1, 1, true},
		{30, 10, 10, true},
		{30, 10, 33, true}, // 30.3 %
		{30, 10, 34, false},
		{30, 30, 100, false}, // exactly 30 %
		{30, 31, 100, true},
		{30, 300, 1000, false},
		{30, 301, 1000, true},
		{30, 10, 0, true}, // more than exist
		{0, 9, 1000, false},
		{0, 10, 1_000_000, true},
		{100, 999, 1000, false},
		{100, 1000, 1000, true},
		{100, 1001, 1000, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d of %d, %d percent", test.gone, test.all, test.percent), func(t *testing.T) {
			limit := prune.Config{MaxPercent: test.percent}
			pending := limit.Check("cluster east", keys(test.gone), test.all)
			if (pending != nil) != test.pending {
				t.Errorf("got %+v, want pending: %t", pending, test.pending)
			}
		})
	}
}

func TestPending_IdentifiesTheComponents(t *testing.T) {
	gone := keys(12)
	first := prune.Pending("cluster east", gone, 20)
	if len(first.ID) != 12 {
		t.Errorf("id %q", first.ID)
	}
	reversed := slices.Clone(gone)
	slices.Reverse(reversed)
	given := slices.Clone(reversed)
	testcheck.Equal(t, "id for another order and another number of all", first.ID, prune.Pending("cluster east", reversed, 99).ID)
	testcheck.Equal(t, "the caller's list has changed", given, reversed)
	another := func(change func(k *component.Key)) []component.Key {
		other := slices.Clone(gone)
		change(&other[5])
		return other
	}
	moved := another(func(k *component.Key) { k.Namespace, k.Name = k.Namespace+" "+k.Name[:1], k.Name[1:] })
	for name, got := range map[string]*prune.PendingDeletion{
		"one less":          prune.Pending("cluster east", gone[1:], 20),
		"one more":          prune.Pending("cluster east", keys(13), 20),
		"another name":      prune.Pending("cluster east", another(func(k *component.Key) { k.Name = "other" }), 20),
		"another namespace": prune.Pending("cluster east", another(func(k *component.Key) { k.Namespace = "other" }), 20),
		"another cluster":   prune.Pending("cluster east", another(func(k *component.Key) { k.Cluster = "other" }), 20),
		"parts moved":       prune.Pending("cluster east", moved, 20),
		"another place":     prune.Pending("cluster west", gone, 20),
	} {
		if got.ID == first.ID {
			t.Errorf("%s has the same id", name)
		}
	}
}

func TestPendingDeletion_Error(t *testing.T) {
	pending := prune.Pending("cluster east, namespaces all", keys(12), 20)
	testcheck.ErrorContains(t, pending, "cluster east, namespaces all", "12 of 20 components", "east/ns/c000", "`ctl approve "+pending.ID+"`")
	if pending.Gone != 12 || pending.All != 20 || len(pending.Components) != 10 || pending.Components[9] != "east/ns/c009" {
		t.Errorf("pending %+v", pending)
	}
	if age := time.Since(pending.Time); age < 0 || age > time.Minute || pending.Time.Location() != time.UTC {
		t.Errorf("time %s", pending.Time)
	}
}

// The id of a change of clusters depends on the two clusters alone.
func TestChanged_IdentifiesTheChange(t *testing.T) {
	change := prune.ClusterChange{Was: "uid-1", Is: "uid-2"}
	first := prune.Changed("cluster east", change, nil, 3)
	if got := prune.Changed("cluster east", change, keys(3), 3); got.ID != first.ID || got.Gone != 3 || got.Components[0] != "east/ns/c000" {
		t.Errorf("with components: %+v, without: %+v", got, first)
	}
	for name, other := range map[string]*prune.PendingDeletion{
		"back":           prune.Changed("cluster east", prune.ClusterChange{Was: "uid-2", Is: "uid-1"}, nil, 3),
		"to a third":     prune.Changed("cluster east", prune.ClusterChange{Was: "uid-1", Is: "uid-3"}, nil, 3),
		"of another":     prune.Changed("cluster west", change, nil, 3),
		"the components": prune.Pending("cluster east", keys(3), 3),
	} {
		if other.ID == first.ID {
			t.Errorf("%s has the same id", name)
		}
	}
	testcheck.ErrorContains(t, first, "cluster east", "it was uid-1 and is uid-2", "nothing is deleted (0 of 3", "CLUSTER_NAME", "`ctl approve "+first.ID+"`")
}

func TestConfig_Validate(t *testing.T) {
	for percent, valid := range map[int]bool{-1: false, 0: true, 30: true, 100: true, 101: false} {
		err := prune.Config{MaxPercent: percent}.Validate()
		if (err == nil) != valid {
			t.Errorf("%d: %v", percent, err)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("ORPHAN_MAX_PERCENT is %d: 0 to 100", percent)) {
			t.Errorf("%d: %v", percent, err)
		}
	}
}
