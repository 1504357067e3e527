package testenv

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/refregistry"
)

// Mapping computes the content that a registry should have for Components.
type Mapping struct {
	Cluster  string
	Segments []string
	// Namespaced prefixes the names of entries with the namespace.
	Namespaced bool
}

// Content is the content of a registry, without ids.
type Content struct {
	Components []refregistry.Component
	APIs       []refregistry.API
}

// ContentOf returns the content of a snapshot.
func ContentOf(s refregistry.Snapshot) Content {
	c := Content{Components: s.Components, APIs: s.APIs}
	for i := range c.Components {
		c.Components[i].ID = 0
	}
	for i := range c.APIs {
		c.APIs[i].ID = 0
	}
	return c.Sorted()
}

// Sorted sorts the content by name, in place.
func (c Content) Sorted() Content {
	slices.SortFunc(c.Components, func(a, b refregistry.Component) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.APIs, func(a, b refregistry.API) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Name, b.Name), cmp.Compare(a.URL, b.URL))
	})
	return c
}

// Of returns the content that the registry should have for the objects.
func (m Mapping) Of(objects []unstructured.Unstructured) Content {
	var c Content
	for _, object := range objects {
		name := object.GetName()
		if m.Namespaced {
			name = object.GetNamespace() + "." + name
		}
		labels := m.labels(object)
		c.Components = append(c.Components, refregistry.Component{Registry: "self", Name: name, Labels: labels})
		for _, segment := range m.Segments {
			for _, api := range apisOf(object, segment) {
				if api.url == "" {
					continue // the registry takes no API without an address
				}
				own := maps.Clone(labels)
				own["api-name"] = api.name
				c.APIs = append(c.APIs, refregistry.API{
					Registry: "self", Component: name, Name: api.name, URL: api.url,
					Specification: api.specification, Status: api.state, Labels: own,
				})
			}
		}
	}
	return c.Sorted()
}

func (m Mapping) labels(object unstructured.Unstructured) map[string]string {
	about := object.Object["spec"].(map[string]any)
	if inner, ok := about["componentMetadata"].(map[string]any); ok {
		about = inner
	}
	labels := map[string]string{
		"component-version": scalar(about["version"]), "functionalBlock": scalar(about["functionalBlock"]), "id": scalar(about["id"]),
	}
	for key, value := range object.GetLabels() {
		switch short, ours := strings.CutPrefix(key, "oda.tmforum.org/"); {
		case ours:
			labels[short] = value
		case key == "version", key == "team", key == "domain":
			labels[key] = value
		}
	}
	people, _ := about["maintainers"].([]any)
	for i, person := range people[:min(3, len(people))] {
		labels[fmt.Sprintf("maintainer-%d", i+1)] = scalar(person.(map[string]any)["name"])
	}
	labels["namespace"], labels["managed-by"] = object.GetNamespace(), "odasync/"+m.Cluster
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}

type api struct {
	name, url, specification, state string
	object                          string // name of the ExposedAPI object
	assigned                        string // the URL in its status
}

var majors = []*regexp.Regexp{regexp.MustCompile(`_[vV](\d+)\.`), regexp.MustCompile(`/[vV](\d+)/`), regexp.MustCompile(`-[vV](\d+)\.`)}

// major is the major version that a specification declares, or that its URL contains.
func major(declared, url string) string {
	if declared != "" {
		return "v" + strings.Split(strings.TrimPrefix(declared, "v"), ".")[0]
	}
	for _, pattern := range majors {
		if found := pattern.FindStringSubmatch(url); found != nil {
			return "v" + found[1]
		}
	}
	return ""
}

// apisOf lists the APIs of a segment: one an entry, or one for each major version of it.
func apisOf(object unstructured.Unstructured, segment string) []api {
	function, _ := object.Object["spec"].(map[string]any)[segment+"Function"].(map[string]any)
	entries, _ := function["exposedAPIs"].([]any)
	status, _ := object.Object["status"].(map[string]any)
	states, _ := status[segment+"APIs"].([]any)
	var apis []api
	for _, item := range entries {
		entry := item.(map[string]any)
		specifications, isList := entry["specification"].([]any)
		if !isList {
			specifications = []any{entry["specification"]}
		}
		if len(specifications) == 0 {
			specifications = []any{nil}
		}
		byMajor := map[string]map[string]any{}
		for _, one := range specifications {
			merged := maps.Clone(entry)
			delete(merged, "url")
			switch one := one.(type) {
			case string:
				merged["url"] = one
			case map[string]any:
				maps.Copy(merged, one)
			}
			key := major(scalar(merged["version"]), scalar(merged["url"]))
			if _, known := byMajor[key]; !known {
				byMajor[key] = merged
			}
		}
		for version, fields := range byMajor {
			a := api{name: scalar(entry["name"]), specification: scalar(fields["url"]), state: "pending"}
			state := stateOf(states, object.GetName()+"-"+a.name+"-"+version, object.GetName()+"-"+a.name)
			a.object = strings.ToLower(object.GetName() + "-" + a.name)
			if listed := scalar(state["name"]); listed != "" {
				a.object = listed
			} else if version != "" {
				a.object += "-" + version
			}
			if len(byMajor) > 1 && version != "" {
				a.name += "-" + version
			}
			a.url = scalar(state["url"])
			a.assigned = a.url
			if state["ready"] == true && a.url != "" {
				a.state = "ready"
			}
			if host := scalar(fields["implementation"]); a.url == "" && host != "" {
				a.url = fmt.Sprintf("http://%s.%s.svc:%s/%s", host, object.GetNamespace(), scalar(fields["port"]), strings.TrimPrefix(scalar(fields["path"]), "/"))
			}
			apis = append(apis, a)
		}
	}
	return apis
}

// stateOf finds the status of an ExposedAPI object by the first of the names that is listed.
func stateOf(states []any, names ...string) map[string]any {
	for _, name := range names {
		for _, item := range states {
			if state := item.(map[string]any); strings.EqualFold(scalar(state["name"]), name) {
				return state
			}
		}
	}
	return nil
}

func scalar(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
