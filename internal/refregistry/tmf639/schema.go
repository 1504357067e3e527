package tmf639

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

// validate is POST's check.
func validate(document object) *failure {
	violations := resourceSchema("", document)
	if len(violations) == 0 {
		return nil
	}
	list := make([]any, len(violations))
	for i, violation := range violations {
		list[i] = violation
	}
	return &failure{http.StatusBadRequest, object{
		{"error", "Schema validation failed"},
		{"message", "Resource creation data does not comply with TMF639 v5.0.0 specification"},
		{"violations", list},
	}}
}

type property struct {
	name string
	rule rule
}

func properties(known []property, required ...string) rule {
	return func(path string, v any) (found []string) {
		o, ok := v.(object)
		if !ok {
			return []string{at(path, "%s is not of type 'object'", repr(v))}
		}
		for _, p := range known {
			if value, given := o.get(p.name); given {
				found = append(found, p.rule(below(path, p.name), value)...)
			}
		}
		for _, name := range required {
			if _, given := o.get(name); !given {
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
			return []string{at(path, "%s is not of type 'array'", repr(v))}
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
	return []string{at(path, "%s is not of type 'string'", repr(v))}
}

func oneOf(allowed ...string) rule {
	quoted := "['" + strings.Join(allowed, "', '") + "']"
	return func(path string, v any) []string {
		for _, value := range allowed {
			if v == value {
				return nil
			}
		}
		found := []string{at(path, "Invalid value. %s is not one of %s", repr(v), quoted)}
		if _, ok := v.(string); !ok {
			found = append(found, isText(path, v)...)
		}
		return found
	}
}

// isReference checks a link's resource: a type, and an id that may be absent
// and not null.
func isReference(path string, v any) []string {
	o, ok := v.(object)
	if ok {
		kind, _ := o.get("@type")
		_, ok = kind.(string)
	}
	if id, given := o.get("id"); given && ok {
		_, ok = id.(string)
	}
	if ok {
		return nil
	}
	return []string{at(path, "%s is not valid under any of the given schemas", repr(v))}
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
