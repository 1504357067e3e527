package v1

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/testcheck"
)

var allowEntry = cmp.AllowUnexported(entry{}, name{}, api{})

func TestDesire(t *testing.T) {
	key := component.Key{Cluster: "east", Namespace: "odacompns-a", Name: "prod.catalog"}
	own := func(more labelSet) labelSet {
		labels := labelSet{"namespace": "odacompns-a", "managed-by": "odasync/east"}
		for k, v := range more {
			labels[k] = v
		}
		return labels
	}
	exposed := func(segment component.Segment, name string) component.ExposedAPI {
		return component.ExposedAPI{Name: name, Segment: segment, URL: "http://" + string(segment) + "/" + name}
	}
	tests := map[string]struct {
		cfg     registry.Config
		content component.Component
		want    entry
		omitted []string
	}{
		"nothing but a name": {
			want: entry{name: name{"self", "prod.catalog"}, labels: own(nil)},
		},
		"namespace and name": {
			cfg:  registry.Config{NameFormat: registry.FormatNamespaceName, Name: "north"},
			want: entry{name: name{"north", "odacompns-a.prod.catalog"}, labels: own(nil)},
		},
		"labels": {
			content: component.Component{
				Labels: map[string]string{
					"oda.tmforum.org/componentName": "catalog", "oda.tmforum.org/empty": "", "oda.tmforum.org/": "no key",
					"version": "plain", "team": "blue", "domain": "sales", "oda.tmforum.org/domain": "prefixed", "app": "other",
				},
				Metadata: component.Metadata{
					ID: "TMFC001", Version: "1.2.3", FunctionalBlock: "CoreCommerce", Description: "not a label",
					Maintainers: []component.Person{{Name: "Ada Example"}, {Email: "nameless@example.org"}, {Name: "Bo Example"}, {Name: "Cy Example"}},
				},
			},
			want: entry{name: name{"self", "prod.catalog"}, labels: own(labelSet{
				"componentName": "catalog", "version": "plain", "team": "blue", "domain": "prefixed",
				"component-version": "1.2.3", "functionalBlock": "CoreCommerce", "id": "TMFC001",
				"maintainer-1": "Ada Example", "maintainer-3": "Bo Example",
			})},
		},
		"odasync's own labels hold against the resource's": {
			content: component.Component{
				Labels: map[string]string{
					"oda.tmforum.org/namespace": "x", "oda.tmforum.org/managed-by": "x", "oda.tmforum.org/id": "x", "oda.tmforum.org/maintainer-1": "x",
					"oda.tmforum.org/component-version": "x", "oda.tmforum.org/functionalBlock": "kept where there is no own",
				},
				Metadata: component.Metadata{ID: "TMFC001", Version: "1", Maintainers: []component.Person{{Name: "Ada Example"}}},
			},
			want: entry{name: name{"self", "prod.catalog"}, labels: own(labelSet{
				"id": "TMFC001", "component-version": "1", "maintainer-1": "Ada Example", "functionalBlock": "kept where there is no own",
			})},
		},
		"an API": {
			content: component.Component{
				Labels: map[string]string{"team": "blue", "oda.tmforum.org/api-name": "x"},
				ExposedAPIs: []component.ExposedAPI{{
					Name: "catalog-v4", Entry: "catalog", Segment: component.SegmentCore, URL: "http://a/", Ready: true, DeveloperUI: "http://ui/",
					Specifications: []component.Specification{{Version: "v4"}, {URL: "http://spec/1"}, {URL: "http://spec/2"}},
				}},
			},
			want: entry{
				name: name{"self", "prod.catalog"}, labels: own(labelSet{"team": "blue", "api-name": "x"}),
				apis: []api{{
					name: "catalog-v4", url: "http://a/", specification: "http://spec/1", status: "ready",
					labels: own(labelSet{"team": "blue", "api-name": "catalog-v4"}),
				}},
			},
		},
		"the core segment alone": {
			content: component.Component{ExposedAPIs: []component.ExposedAPI{
				exposed(component.SegmentCore, "a"), exposed(component.SegmentManagement, "b"), exposed(component.SegmentSecurity, "c"),
			}},
			want: entry{name: name{"self", "prod.catalog"}, labels: own(nil), apis: []api{
				{name: "a", url: "http://core/a", status: "pending", labels: own(labelSet{"api-name": "a"})},
			}},
		},
		"names that clash between segments": {
			cfg: registry.Config{Segments: []component.Segment{component.SegmentSecurity, component.SegmentCore, component.SegmentManagement}},
			content: component.Component{ExposedAPIs: []component.ExposedAPI{
				exposed(component.SegmentSecurity, "a"), exposed(component.SegmentManagement, "a"), exposed(component.SegmentCore, "a"),
				exposed(component.SegmentCore, "a-security"),
			}},
			want: entry{name: name{"self", "prod.catalog"}, labels: own(nil), apis: []api{
				{name: "a", url: "http://core/a", status: "pending", labels: own(labelSet{"api-name": "a"})},
				{name: "a-security", url: "http://core/a-security", status: "pending", labels: own(labelSet{"api-name": "a-security"})},
				{name: "a-management", url: "http://management/a", status: "pending", labels: own(labelSet{"api-name": "a"})},
				{name: "a-security-security", url: "http://security/a", status: "pending", labels: own(labelSet{"api-name": "a"})},
			}},
		},
		"an API without an address keeps its name": {
			cfg: registry.Config{Segments: component.Segments()},
			content: component.Component{ExposedAPIs: []component.ExposedAPI{
				{Name: "a", Segment: component.SegmentCore, Ready: true}, exposed(component.SegmentManagement, "a"),
			}},
			want: entry{name: name{"self", "prod.catalog"}, labels: own(nil), apis: []api{
				{name: "a-management", url: "http://management/a", status: "pending", labels: own(labelSet{"api-name": "a"})},
			}},
			omitted: []string{"a"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := test.cfg
			if cfg.Name == "" {
				cfg.Name = "self"
			}
			if cfg.NameFormat == "" {
				cfg.NameFormat = registry.FormatName
			}
			if cfg.Segments == nil {
				cfg.Segments = []component.Segment{component.SegmentCore}
			}
			got, omitted := desire(cfg, key, &test.content)
			testcheck.Equal(t, "desired entry", test.want, got, allowEntry)
			testcheck.Equal(t, "omitted", test.omitted, omitted)
		})
	}
}
