package v1

import (
	"fmt"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// labelPrefix marks the Kubernetes labels that are registered, without the prefix.
const labelPrefix = "oda.tmforum.org/"

// plainLabels are registered although they lack the prefix.
var plainLabels = []string{"version", "team", "domain"}

// maxMaintainers is the number of maintainers that become labels.
const maxMaintainers = 3

// The status of an API.
const (
	statusReady   = "ready"
	statusPending = "pending"
)

// entry is the desired state of a component's entry.
type entry struct {
	name
	labels labelSet
	apis   []api
}

// api is the desired state of an exposed API.
type api struct {
	name, url, specification, status string
	labels                           labelSet
}

// desire maps a component to its entry. Omitted are the names of the APIs without an address, which the registry requires.
// A later version of the component will have it.
func desire(cfg registry.Config, key component.Key, c *component.Component) (want entry, omitted []string) {
	want = entry{name: name{cfg.Name, cfg.EntryName(key)}, labels: componentLabels(key, c)}
	taken := map[string]bool{}
	for _, segment := range component.Segments() {
		if !slices.Contains(cfg.Segments, segment) {
			continue
		}
		for _, exposed := range c.ExposedAPIs {
			if exposed.Segment != segment {
				continue
			}
			name := exposed.Name
			for taken[name] {
				name += "-" + string(segment)
			}
			// An omitted API takes its name too, or another API's name would change later.
			taken[name] = true
			if exposed.URL == "" {
				omitted = append(omitted, name)
				continue
			}
			want.apis = append(want.apis, desireAPI(name, exposed, want.labels))
		}
	}
	return want, omitted
}

// componentLabels maps the labels. A prefixed label takes precedence over a plain one of the same key, and odasync's own
// labels over both.
func componentLabels(key component.Key, c *component.Component) labelSet {
	labels := labelSet{}
	for _, plain := range plainLabels {
		labels.set(plain, c.Labels[plain])
	}
	for name, value := range c.Labels {
		if stripped, ok := strings.CutPrefix(name, labelPrefix); ok {
			labels.set(stripped, value)
		}
	}
	labels.set("component-version", c.Metadata.Version)
	for i, maintainer := range c.Metadata.Maintainers[:min(maxMaintainers, len(c.Metadata.Maintainers))] {
		labels.set(fmt.Sprintf("maintainer-%d", i+1), maintainer.Name)
	}
	labels.set("functionalBlock", c.Metadata.FunctionalBlock)
	labels.set("id", c.Metadata.ID)
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
