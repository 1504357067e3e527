package v1

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/registry"
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
			if diff := cmp.Diff(test.want, got, allowEntry); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.omitted, omitted); diff != "" {
				t.Errorf("omitted: %s", diff)
			}
		})
	}
}

func TestPlanAPIs(t *testing.T) {
	labels := labelSet{"api-name": "a"}
	read := []wireLabel{{ID: 1, Key: "api-name", Value: "a"}}
	want := api{name: "a", url: "http://a/", specification: "http://s/", status: "ready", labels: labels}
	shown := func(id int64, change ...func(*wireAPI)) wireAPI {
		w := wireAPI{ID: id, Name: "a", URL: "http://a/", Specification: "http://s/", Status: "ready", Labels: read}
		for _, c := range change {
			c(&w)
		}
		return w
	}
	stale := func(w *wireAPI) { w.URL = "http://old/" }
	tests := map[string]struct {
		want   []api
		shown  []wireAPI
		remove []int64
		change []int64
		create int
	}{
		"nothing":                          {},
		"new":                              {want: []api{want}, create: 1},
		"equal":                            {want: []api{want}, shown: []wireAPI{shown(5)}},
		"not wanted":                       {shown: []wireAPI{shown(5)}, remove: []int64{5}},
		"another address":                  {want: []api{want}, shown: []wireAPI{shown(5, stale)}, change: []int64{5}},
		"another specification":            {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Specification = "" })}, change: []int64{5}},
		"another state":                    {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Status = "pending" })}, change: []int64{5}},
		"a label too few":                  {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Labels = nil })}, change: []int64{5}},
		"a label too many":                 {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "x", "y"}) })}, change: []int64{5}},
		"two values for a label":           {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "api-name", "b"}) })}, change: []int64{5}},
		"one label under two ids":          {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "api-name", "a"}) })}},
		"duplicates, all equal":            {want: []api{want}, shown: []wireAPI{shown(9), shown(5), shown(7)}, remove: []int64{9, 7}},
		"duplicates, a later one is right": {want: []api{want}, shown: []wireAPI{shown(5, stale), shown(7), shown(9)}, remove: []int64{5, 9}},
		"duplicates, none is right":        {want: []api{want}, shown: []wireAPI{shown(7, stale), shown(5, stale)}, remove: []int64{7}, change: []int64{5}},
		"renamed":                          {want: []api{want}, shown: []wireAPI{shown(5, func(w *wireAPI) { w.Name = "A" })}, remove: []int64{5}, create: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plan := planAPIs(test.want, test.shown)
			var remove, change []int64
			for _, a := range plan.remove {
				remove = append(remove, a.ID)
			}
			for _, c := range plan.change {
				change = append(change, c.actual.ID)
			}
			if diff := cmp.Diff(test.remove, remove); diff != "" {
				t.Errorf("remove: %s", diff)
			}
			if diff := cmp.Diff(test.change, change); diff != "" {
				t.Errorf("change: %s", diff)
			}
			if len(plan.create) != test.create {
				t.Errorf("creates %d, want %d", len(plan.create), test.create)
			}
		})
	}
}
