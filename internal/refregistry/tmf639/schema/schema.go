package schema

import (
	"fmt"
	"strconv"
	"strings"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// rule lists how a value violates a part of the schema; path is where the value
// is, and is empty for the document.
type rule func(path string, v any) []string

// resourceSchema is what POST demands of a document: the part of the
// specification's Resource_FVO that a client of the Canvas can meet. Properties
// are in the specification's order, which is that of the violations.
var resourceSchema = properties([]property{
	{"category", isText},
	{"description", isText},
	{"name", isText},
	{"endOperatingDate", isText},
	{"administrativeState", oneOf("locked", "unlocked", "shutdown")},
	{"operationalState", oneOf("enable", "disable")},
	{"resourceStatus", oneOf("alarm", "available", "installed", "not exists", "pendingRemoval", "planned", "reserved",
		"standby", "suspended", "unknown")},
	{"usageState", oneOf("idle", "active", "busy")},
	{"place", each(properties([]property{{"@type", isText}}, "role", "place", "@type"))},
	{"resourceRelationship", each(properties([]property{
		{"resource", isReference},
		{"relationshipType", isText},
		{"@type", isText},
		{"id", isText},
	}, "relationshipType", "resource", "id", "@type"))},
	{"resourceCharacteristic", each(properties([]property{{"name", isText}, {"@type", isText}}, "name", "@type"))},
	{"resourceSpecification", properties([]property{
		{"version", isText},
		{"name", isText},
		{"id", isText},
		{"@type", isText},
	}, "id", "@type")},
	{"startOperatingDate", isText},
	{"resourceVersion", isText},
	{"@type", isText},
	{"@baseType", isText},
	{"href", isText},
	{"id", isText},
}, "@type")

// Violations returns how a document violates the schema, in the words of the deployed service; none if it complies.
func Violations(document pyjson.Object) []string { return resourceSchema("", document) }

type property struct {
	name string
	rule rule
}

func properties(known []property, required ...string) rule {
	return func(path string, v any) (found []string) {
		o, ok := v.(pyjson.Object)
		if !ok {
			return []string{at(path, "%s is not of type 'object'", pyjson.Repr(v))}
		}
		for _, p := range known {
			if value, given := o.Get(p.name); given {
				found = append(found, p.rule(below(path, p.name), value)...)
			}
		}
		for _, name := range required {
			if _, given := o.Get(name); !given {
				found = append(found, at(path, "Missing required field: %s", name))
			}
		}
		return found
	}
}

func each(item rule) rule {
	return func(path string, v any) (found []string) {
		items, ok := v.([]any)
		if !ok {
			return []string{at(path, "%s is not of type 'array'", pyjson.Repr(v))}
		}
		for i, value := range items {
			found = append(found, item(below(path, strconv.Itoa(i)), value)...)
		}
		return found
	}
}

func isText(path string, v any) []string {
	if _, ok := v.(string); ok {
		return nil
	}
	return []string{at(path, "%s is not of type 'string'", pyjson.Repr(v))}
}

func oneOf(allowed ...string) rule {
	quoted := "['" + strings.Join(allowed, "', '") + "']"
	return func(path string, v any) []string {
		for _, value := range allowed {
			if v == value {
				return nil
			}
		}
		found := []string{at(path, "Invalid value. %s is not one of %s", pyjson.Repr(v), quoted)}
		if _, ok := v.(string); !ok {
			found = append(found, isText(path, v)...)
		}
		return found
	}
}

// isReference checks a link's resource: a type, and an id that may be absent
// and not null.
func isReference(path string, v any) []string {
	o, ok := v.(pyjson.Object)
	if ok {
		kind, _ := o.Get("@type")
		_, ok = kind.(string)
	}
	if id, given := o.Get("id"); given && ok {
		_, ok = id.(string)
	}
	if ok {
		return nil
	}
	return []string{at(path, "%s is not valid under any of the given schemas", pyjson.Repr(v))}
}

func at(path, format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if path == "" {
		return text
	}
	return path + ": " + text
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
