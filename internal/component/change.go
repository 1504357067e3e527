package component

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Change is a field in which two states of a component differ. A side that lacks the field is empty.
type Change struct {
	// Field is a path such as metadata.version or metadata.owners[0].name, "label KEY", "api NAME" for an API that only
	// one side has, or "api NAME FIELD"; "dependency NAME" and "dependency NAME FIELD" for the APIs of others. The name of an API
	// has its segment before it unless that is core. A value of metadata.fields is JSON.
	Field         string
	Before, After string
}

// Present is the value of an API as a whole on the side that has it.
const Present = "present"

// Changes lists the differences: in the fields of the component, its labels, its APIs, then its dependencies.
func Changes(before, after *Component) []Change {
	changes := compare("", before.own(), after.own())
	changes = append(changes, compare("label ", before.Labels, after.Labels)...)
	changes = append(changes, compareNamed("api ", before.apis(), after.apis())...)
	return append(changes, compareNamed("dependency ", before.dependencies(), after.dependencies())...)
}

// compareNamed compares what both sides have field by field, and the rest as a whole.
func compareNamed[V any](prefix string, old, now map[string]V) []Change {
	var changes []Change
	for _, name := range union(old, now) {
		was, had := old[name]
		is, has := now[name]
		switch {
		case !had:
			changes = append(changes, Change{Field: prefix + name, After: Present})
		case !has:
			changes = append(changes, Change{Field: prefix + name, Before: Present})
		default:
			changes = append(changes, compare(prefix+name+" ", flatten(was), flatten(is))...)
		}
	}
	return changes
}

// own returns the fields that are neither labels nor APIs nor dependencies.
func (c *Component) own() map[string]string {
	rest := *c
	rest.Labels, rest.ExposedAPIs, rest.DependentAPIs, rest.Metadata.Fields = nil, nil, nil, nil
	flat := flatten(rest)
	for name, value := range c.Metadata.Fields {
		flat["metadata.fields."+name] = string(value)
	}
	return flat
}

func (c *Component) apis() map[string]ExposedAPI {
	apis := map[string]ExposedAPI{}
	for _, api := range c.ExposedAPIs {
		apis[api.Segment.qualify(api.Name)] = api
	}
	return apis
}

func (c *Component) dependencies() map[string]DependentAPI {
	apis := map[string]DependentAPI{}
	for _, api := range c.DependentAPIs {
		apis[api.Segment.qualify(api.Name)] = api
	}
	return apis
}

func (s Segment) qualify(name string) string {
	if s == SegmentCore {
		return name
	}
	return string(s) + "/" + name
}

func compare(prefix string, old, now map[string]string) []Change {
	var changes []Change
	for _, name := range union(old, now) {
		if old[name] != now[name] {
			changes = append(changes, Change{Field: prefix + name, Before: old[name], After: now[name]})
		}
	}
	return changes
}

// union returns the keys of both, sorted.
func union[V any](a, b map[string]V) []string {
	both := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(both)
	return slices.Compact(both)
}

// flatten returns every value of the JSON form by its path, so that no field is missed.
func flatten(value any) map[string]string {
	body, err := json.Marshal(value)
	var tree any
	if err == nil {
		err = json.Unmarshal(body, &tree)
	}
	if err != nil { // strings, bools, slices and string maps always encode
		panic("component: encode: " + err.Error())
	}
	flat := map[string]string{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for name, child := range node {
				if path != "" {
					name = path + "." + name
				}
				walk(name, child)
			}
		case []any:
			for i, child := range node {
				walk(path+"["+strconv.Itoa(i)+"]", child)
			}
		case string:
			flat[path] = node
		case bool:
			flat[path] = strconv.FormatBool(node)
		}
	}
	walk("", tree)
	return flat
}
