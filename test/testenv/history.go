package testenv

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"odasync/internal/refregistry"
)

// Findings are the anomalies in a registry's history and content.
type Findings struct {
	// Writes counts all writes, Versions those that carried a version.
	Writes, Versions int
	// Overlaps are pairs of concurrent writes on one component.
	Overlaps []Overlap
	// Stale are writes of a version after a newer version of the same component.
	Stale []string
	// StaleNow are components and APIs with an older version than the newest one written.
	StaleNow []string
	// CreatedTwice are APIs that existed twice at any time.
	CreatedTwice []string
	// Duplicates are components and APIs that exist twice now.
	Duplicates []string
}

// Overlap is a pair of writes on one component, the second of which began before the first ended.
type Overlap struct {
	Component     string
	First, Second refregistry.Write
}

// String shows when each write began, took effect and ended.
func (o Overlap) String() string {
	const clock = "15:04:05.000"
	text := o.Component + ": concurrent writes:"
	for _, w := range []refregistry.Write{o.First, o.Second} {
		text += fmt.Sprintf("\n  %s to %s, effect %s: %s %s %s by %s",
			w.Start.Format(clock), w.End.Format(clock), w.Time.Format(clock), w.Method, w.Kind, w.API, w.Writer)
	}
	return text
}

// Examine searches a registry's history for anomalies. Versions must be whole numbers that only grow, as those of a [Workload].
func Examine(registry *refregistry.Server) (Findings, error) {
	history, now := registry.History(), registry.Snapshot()
	f := Findings{Writes: len(history)}
	versions := map[int64]int{} // by the id of the label that carries it
	for _, label := range now.Labels {
		if label.Key != versionLabel {
			continue
		}
		number, err := strconv.Atoi(label.Value)
		if err != nil {
			return f, fmt.Errorf("%s %q is not a number", versionLabel, label.Value)
		}
		versions[label.ID] = number
	}
	byComponent := map[string][]refregistry.Write{}
	for _, write := range history {
		if write.Component != "" {
			byComponent[write.Component] = append(byComponent[write.Component], write)
		}
	}
	newest := map[string]int{}
	for name, writes := range byComponent {
		for _, write := range writes { // in the order in which they took effect
			version, err := versionOf(write, versions)
			if err != nil {
				return f, err
			}
			if version == 0 {
				continue
			}
			f.Versions++
			if version < newest[name] {
				f.Stale = append(f.Stale, fmt.Sprintf("%s: version %d written after version %d: %s %s", name, version, newest[name], write.Method, write.Kind))
			}
			newest[name] = max(newest[name], version)
		}
		f.CreatedTwice = append(f.CreatedTwice, createdTwice(name, writes)...)
		f.Overlaps = append(f.Overlaps, overlaps(name, writes)...)
	}
	f.StaleNow, f.Duplicates = staleNow(now, newest), duplicates(now)
	if f.Versions == 0 {
		return f, fmt.Errorf("no versions in the registry's history of %d writes: nothing was checked", f.Writes)
	}
	return f, nil
}

const versionLabel = "component-version"

// versionOf returns the version that a write carries among its labels; 0 for none.
func versionOf(write refregistry.Write, versions map[int64]int) (int, error) {
	if len(write.Body) == 0 {
		return 0, nil
	}
	var body struct {
		Labels []int64 `json:"label_ids"`
	}
	if err := json.Unmarshal(write.Body, &body); err != nil {
		return 0, fmt.Errorf("decode %s %s: %w", write.Method, write.Kind, err)
	}
	for _, id := range body.Labels {
		if version := versions[id]; version != 0 {
			return version, nil
		}
	}
	return 0, nil
}

// overlaps finds concurrent writes on a component.
func overlaps(name string, writes []refregistry.Write) (found []Overlap) {
	writes = slices.Clone(writes)
	slices.SortFunc(writes, func(a, b refregistry.Write) int { return a.Start.Compare(b.Start) })
	before := writes[0] // of the writes so far, the one that ended last
	for _, write := range writes[1:] {
		if write.Overlaps(before) {
			found = append(found, Overlap{name, before, write})
		}
		if write.End.After(before.End) {
			before = write
		}
	}
	return found
}

// createdTwice finds the moments at which an API of a component existed twice.
func createdTwice(component string, writes []refregistry.Write) (found []string) {
	existing := map[string]map[int64]bool{}
	for _, write := range writes {
		if write.Kind != refregistry.KindAPI {
			continue
		}
		ids := existing[write.API]
		if ids == nil {
			ids = map[int64]bool{}
			existing[write.API] = ids
		}
		switch write.Method {
		case "DELETE":
			delete(ids, write.ID)
		case "POST":
			ids[write.ID] = true
			if len(ids) > 1 {
				found = append(found, fmt.Sprintf("%s: API %s was created a second time", component, write.API))
			}
		}
	}
	return found
}

// staleNow finds components and APIs with an older version than the newest one written.
func staleNow(now refregistry.Snapshot, newest map[string]int) (found []string) {
	check := func(component, what string, labels map[string]string) {
		if version, _ := strconv.Atoi(labels[versionLabel]); version < newest[component] {
			found = append(found, fmt.Sprintf("%s has version %d, though %d was written", what, version, newest[component]))
		}
	}
	for _, c := range now.Components {
		check(c.Name, c.Name, c.Labels)
	}
	for _, api := range now.APIs {
		check(api.Component, api.Component+" "+api.Name, api.Labels)
	}
	return found
}

// duplicates finds components and APIs that exist twice.
func duplicates(now refregistry.Snapshot) (found []string) {
	seen := map[[3]string]bool{}
	once := func(name [3]string, what string) {
		if seen[name] {
			found = append(found, what+" exists twice")
		}
		seen[name] = true
	}
	for _, c := range now.Components {
		once([3]string{c.Registry, c.Name}, c.Name)
	}
	for _, api := range now.APIs {
		once([3]string{api.Registry, api.Component, api.Name}, api.Component+" "+api.Name)
	}
	return found
}
