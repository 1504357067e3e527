package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"odasync/internal/refregistry"
)

// checkHistory reports writes on one component that were under way at the same time, and writes of a version after a
// newer one. It returns the number of writes.
func checkHistory(t *testing.T, registry *refregistry.Server) int {
	t.Helper()
	versions := map[int64]int{} // by the id of the label that carries it
	for _, label := range registry.Snapshot().Labels {
		if label.Key == "component-version" {
			number, err := strconv.Atoi(label.Value)
			if err != nil {
				t.Fatalf("component-version %q is not a number", label.Value)
			}
			versions[label.ID] = number
		}
	}
	byComponent := map[string][]refregistry.Write{}
	history := registry.History()
	for _, write := range history {
		if write.Component != "" {
			byComponent[write.Component] = append(byComponent[write.Component], write)
		}
	}
	seen := 0
	for name, writes := range byComponent {
		newest := 0
		for _, write := range writes { // in the order in which they took effect
			version := versionOf(t, write, versions)
			if version == 0 {
				continue
			}
			seen++
			if version < newest {
				t.Errorf("%s: version %d was written after version %d: %s %s", name, version, newest, write.Method, write.Kind)
			}
			newest = max(newest, version)
		}
		slices.SortFunc(writes, func(a, b refregistry.Write) int { return a.Start.Compare(b.Start) })
		before := writes[0] // of those that had begun, the one that lasted longest
		for _, write := range writes[1:] {
			if write.Overlaps(before) {
				t.Errorf("%s: two writes at the same time:\n  %s %s %s to %s\n  %s %s %s to %s", name,
					before.Method, before.Kind, before.Start, before.End, write.Method, write.Kind, write.Start, write.End)
			}
			if write.End.After(before.End) {
				before = write
			}
		}
	}
	if len(byComponent) == 0 || seen == 0 {
		t.Error("the registry's history shows no versions: nothing was checked")
	}
	return len(history)
}

// versionOf returns the version that a write carries among its labels; 0 for none.
func versionOf(t *testing.T, write refregistry.Write, versions map[int64]int) int {
	t.Helper()
	if len(write.Body) == 0 {
		return 0
	}
	var body struct {
		Labels []int64 `json:"label_ids"`
	}
	if err := json.Unmarshal(write.Body, &body); err != nil {
		t.Fatalf("decode %s %s: %v", write.Method, write.Kind, err)
	}
	for _, id := range body.Labels {
		if version := versions[id]; version != 0 {
			return version
		}
	}
	return 0
}
