package tmf639

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// compare requires that Actual and ActualOf agree.
func (h *harness) compare(a *Adapter, c *component.Component, ref target.Ref) (registry.Presence, []registry.Difference) {
	h.Helper()
	all, err := a.Actual(h.Context())
	testcheck.NoError(h, err)
	one, err := a.ActualOf(h.Context(), documenttest.Key(c), ref)
	testcheck.NoError(h, err)
	presence, differences := all.Compare(documenttest.Key(c), c)
	onePresence, oneDifferences := one.Compare(documenttest.Key(c), c)
	if presence != onePresence || !cmp.Equal(differences, oneDifferences) {
		h.Errorf("ActualOf: %v %+v, Actual: %v %+v", onePresence, oneDifferences, presence, differences)
	}
	return presence, differences
}

// There is a difference exactly where an apply writes, and where content was changed under its mark.
func TestActual_Compare(t *testing.T) {
	relabelled := func(d map[string]any, field string, value any) map[string]any {
		d = maps.Clone(d)
		d[field] = value
		return d
	}
	tests := map[string]struct {
		damage func(h *harness, c *component.Component)
		want   []string // field, want, actual
		// unnoticed: an apply does not write.
		unnoticed bool
	}{
		"in sync": {damage: func(*harness, *component.Component) {}},
		"another state": {
			damage: func(_ *harness, c *component.Component) {
				c.DeploymentStatus = ""
				c.ExposedAPIs[0].Ready = false
			},
			want: []string{
				"component deploymentStatus|Unknown|Complete", "component operationalState|disable|enable", "component resourceStatus|standby|available",
				"api catalog-offers operationalState|disable|enable", "api catalog-offers resourceStatus|standby|available",
			},
		},
		"another address, and a new API": {
			damage: func(_ *harness, c *component.Component) {
				c.ExposedAPIs[0].URL = ""
				c.ExposedAPIs = append(c.ExposedAPIs, documenttest.Sample("catalog", "prices").ExposedAPIs...)
			},
			want: []string{"api catalog-offers url|no value|http://catalog.example.org/offers", "api catalog-prices|present|"},
		},
		"an API that is not desired": {
			damage: func(_ *harness, c *component.Component) { c.ExposedAPIs = nil },
			want:   []string{"api catalog-offers||present"},
		},
		"written over by the collector, with the same content": {
			damage: func(h *harness, c *component.Component) {
				h.send(200, "PATCH", "/resource/self:catalog-offers", collectedBy(c)[1])
			},
			want: []string{"api catalog-offers resourceVersion|odasync/east/components/catalog/*|1001"},
		},
		"a broken link": {
			damage: func(h *harness, c *component.Component) {
				h.send(204, "DELETE", "/resource/self:catalog", nil)
				h.post(relabelled(collectedBy(c)[0], "resourceVersion", document.Desire(documenttest.Config("http://r").WithDefaults(defaults), documenttest.Key(c), c)[0].ResourceVersion))
			},
			want: []string{
				"api catalog-offers exposedBy|self:catalog|", "api catalog-offers resourceVersion|a mark that fits the content|the mark of other content*",
			},
			unnoticed: true,
		},
		"content changed under its mark": {
			damage: func(h *harness, c *component.Component) {
				d := document.Desire(documenttest.Config("http://r").WithDefaults(defaults), documenttest.Key(c), c)[0]
				h.send(200, "PATCH", "/resource/self:catalog", relabelled(documenttest.Body(d), "usageState", "idle"))
			},
			want:      []string{"component resourceVersion|a mark that fits the content|the mark of other content*", "component usageState|active|idle"},
			unnoticed: true,
		},
		"an API of another owner": {
			damage: func(h *harness, c *component.Component) {
				h.send(200, "PATCH", "/resource/self:catalog-offers", map[string]any{"category": "API", "name": "mine"})
			},
			want: []string{"api catalog-offers|present|another owner's"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, first := applied(t, "offers")
			test.damage(h, c)
			presence, differences := h.compare(a, c, first.Ref)
			testcheck.Equal(t, "presence", registry.Present, presence)
			var got []string
			for _, d := range differences {
				got = append(got, strings.Join([]string{d.Field, d.Want, d.Actual}, "|"))
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.EqualFunc(test.want, got, matches) {
				t.Errorf("differences:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			result := h.apply(h.reuse(a), c, verifyOf(first))
			if (result.Writes > 0) != (len(test.want) > 0 && !test.unnoticed) {
				t.Errorf("an apply writes %d times", result.Writes)
			}
		})
	}
}

// matches compares a text with a pattern, of which * matches any text.
func matches(pattern, text string) bool {
	before, after, any := strings.Cut(pattern, "*")
	return pattern == text || any && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

func TestActual_Presence(t *testing.T) {
	h := newHarness(t)
	c := documenttest.Sample("catalog", "offers")
	a := h.adapter()
	if presence, _ := h.compare(a, c, target.Ref{}); presence != registry.Missing {
		t.Errorf("without a document: %v", presence)
	}
	h.post(collectedBy(c)...)
	if presence, differences := h.compare(a, c, target.Ref{}); presence != registry.Present || len(differences) != 2 {
		t.Errorf("the collector's documents: %v %v", presence, differences)
	}
	if presence, _ := h.compare(h.adapter(withoutAdoption), c, target.Ref{}); presence != registry.TakenByOther {
		t.Errorf("without adoption: %v", presence)
	}
	c.Namespace = "elsewhere"
	if presence, _ := h.compare(a, c, target.Ref{}); presence != registry.TakenByOther {
		t.Errorf("of another namespace: %v", presence)
	}
}

func TestActual_Orphans(t *testing.T) {
	h, a, c, _ := applied(t, "offers")
	gone, left := documenttest.Sample("gone", "offers"), documenttest.Sample("left", "offers")
	h.apply(a, gone, target.Previous{})
	h.apply(a, left, target.Previous{})
	h.send(204, "DELETE", "/resource/self:left", nil)
	h.post(collectedBy(documenttest.Sample("collected", "offers"))...)
	orphans := func(a *Adapter, cluster string) []registry.Orphan {
		all, err := a.Actual(t.Context())
		testcheck.NoError(t, err)
		found := all.Orphans(cluster, func(key component.Key) bool { return key == documenttest.Key(c) })
		slices.SortFunc(found, func(a, b registry.Orphan) int { return strings.Compare(a.Entry, b.Entry) })
		return found
	}
	want := []registry.Orphan{{Key: documenttest.Key(gone), Entry: "gone"}, {Key: documenttest.Key(left), Entry: "left"}}
	testcheck.Equal(t, "orphans", want, orphans(a, documenttest.Cluster))
	if got := orphans(a, "west"); len(got) > 0 {
		t.Errorf("of another cluster: %v", got)
	}
	moved := h.adapter(documenttest.WithNamespace)
	if got := orphans(moved, documenttest.Cluster); len(got) != 4 || got[0].Entry != "catalog" {
		t.Errorf("in another format: %v", got)
	}
}
