package v1

import (
	"fmt"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// labelPrefix marks the Kubernetes labels that are registered; the registry shows them without it.
const labelPrefix = "oda.tmforum.org/"

// plainLabels are registered although they lack the prefix.
var plainLabels = []string{"version", "team", "domain"}

// maxMaintainers is the number of maintainers that become labels.
const maxMaintainers = 3

// The registry's words for an API's state.
const (
	statusReady   = "ready"
	statusPending = "pending"
)

// entry is what the registry is to show for a component.
type entry struct {
	registry string
	name     string
	labels   labelSet
	apis     []api
}

// api is what the registry is to show for an exposed API, or shows.
type api struct {
	name, url, specification, status string
	labels                           labelSet
}

// labelSet has one value a key: the registry would take several, and then nobody could tell which one holds.
type labelSet map[string]string

// set adds a label. The registry takes no empty key or value.
func (l labelSet) set(key, value string) {
	if key != "" && value != "" {
		l[key] = value
	}
}

// desire maps a component to its entry. Left out names the APIs that have no address: the registry requires one, and it
// will be known sooner or later.
func desire(c registry.Config, key component.Key, content *component.Component) (want entry, leftOut []string) {
	want = entry{registry: c.Name, name: c.EntryName(key), labels: componentLabels(key, content)}
	taken := map[string]bool{}
	for _, segment := range component.Segments() {
		if !slices.Contains(c.Segments, segment) {
			continue
		}
		for _, exposed := range content.ExposedAPIs {
			if exposed.Segment != segment {
				continue
			}
			name := exposed.Name
			for taken[name] {
				name += "-" + string(segment)
			}
			// The name is taken even when the API is left out, or another one's name would change later.
			taken[name] = true
			if exposed.URL == "" {
				leftOut = append(leftOut, name)
				continue
			}
			want.apis = append(want.apis, desireAPI(name, exposed, want.labels))
		}
	}
	return want, leftOut
}

// componentLabels puts odasync's own labels over those of the resource. Where a key comes with and without prefix, the
// prefixed one holds.
func componentLabels(key component.Key, content *component.Component) labelSet {
	labels := labelSet{}
	for _, plain := range plainLabels {
		labels.set(plain, content.Labels[plain])
	}
	for name, value := range content.Labels {
		if stripped, ok := strings.CutPrefix(name, labelPrefix); ok {
			labels.set(stripped, value)
		}
	}
	labels.set("component-version", content.Metadata.Version)
	for i, maintainer := range content.Metadata.Maintainers[:min(maxMaintainers, len(content.Metadata.Maintainers))] {
		labels.set(fmt.Sprintf("maintainer-%d", i+1), maintainer.Name)
	}
	labels.set("functionalBlock", content.Metadata.FunctionalBlock)
	labels.set("id", content.Metadata.ID)
	labels.set(labelNamespace, key.Namespace)
	labels.set(labelManagedBy, registry.ManagedBy(key.Cluster))
	return labels
}

func desireAPI(name string, exposed component.ExposedAPI, componentLabels labelSet) api {
	labels := make(labelSet, len(componentLabels)+1)
	for key, value := range componentLabels {
		labels[key] = value
	}
	labels.set("api-name", exposed.Name)
	a := api{name: name, url: exposed.URL, status: statusPending, labels: labels}
	if exposed.Ready {
		a.status = statusReady
	}
	for _, specification := range exposed.Specifications {
		if specification.URL != "" {
			a.specification = specification.URL
			break
		}
	}
	return a
}
