package conformance

import (
	"fmt"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// subject is a component of a case, with what its sync state would have.
type subject struct {
	key  component.Key
	want *component.Component
	ref  target.Ref
}

// subject returns a complete component with APIs of the given names. Cluster, namespace and every value that becomes a label
// of its own in a registry contain the suite's name, so that none is shared with other content.
func (s *scenario) subject(name string, apis ...string) *subject {
	on := &subject{
		key: component.Key{Cluster: s.name, Namespace: s.name, Name: name},
		want: &component.Component{
			Namespace: s.name,
			Name:      name,
			Labels:    map[string]string{"oda.tmforum.org/componentName": s.own(name)},
			Metadata: component.Metadata{
				ID: s.own("TMFC001"), Name: s.own(name), Version: s.own("1.0.0"), FunctionalBlock: s.own("CoreCommerce"),
				Description: "Written by ctl registry verify.", Maintainers: []component.Person{{Name: s.own("maintainer")}},
			},
			DeploymentStatus: "Complete",
			Created:          "2026-01-02T03:04:05Z",
		},
	}
	for _, api := range apis {
		on.addAPI(s.own(api))
	}
	s.subjects = append(s.subjects, on)
	return on
}

// own makes a value one of the suite's own.
func (s *scenario) own(value string) string { return value + "-" + s.name }

// of makes the subject one of another cluster or namespace, with the same name.
func (s *scenario) of(cluster, namespace string, on *subject) *subject {
	on.key.Cluster, on.key.Namespace, on.want.Namespace = cluster, namespace, namespace
	return on
}

// addAPI adds a ready API, named as the Canvas operators do it.
func (on *subject) addAPI(name string) {
	number := len(on.want.ExposedAPIs) + 1
	on.want.ExposedAPIs = append(on.want.ExposedAPIs, component.ExposedAPI{
		Name: name, Entry: name, Segment: component.SegmentCore, Object: strings.ToLower(on.key.Name + "-" + name),
		Version: "v4", Type: "openapi", Implementation: "api",
		URL:            fmt.Sprintf("https://components.example.org/%s/%d", on.key.Namespace, number),
		DeveloperUI:    fmt.Sprintf("https://components.example.org/%s/%d/docs", on.key.Namespace, number),
		Specifications: []component.Specification{{URL: "https://specs.example.org/TMF620.json", Version: "v4"}},
		Ready:          true,
	})
}

// dropAPI removes the API of the number.
func (on *subject) dropAPI(number int) {
	rest := append([]component.ExposedAPI{}, on.want.ExposedAPIs[:number]...)
	on.want.ExposedAPIs = append(rest, on.want.ExposedAPIs[number+1:]...)
}

// namesOf returns the names that entries of the subjects may have, by any COMPONENT_NAME_FORMAT.
func namesOf(subjects ...*subject) []string {
	var names []string
	for _, on := range subjects {
		for _, format := range []string{registry.FormatName, registry.FormatNamespaceName} {
			names = append(names, registry.Config{NameFormat: format}.EntryName(on.key))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
