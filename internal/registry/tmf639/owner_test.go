package tmf639

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestApply_AdoptsTheCollectorsDocuments(t *testing.T) {
	for name, previous := range map[string]target.Previous{"unread": {}, "verifying": {Verify: true}, "in doubt": {InDoubt: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			var log bytes.Buffer
			a, c := h.logging(zerolog.New(&log)), documenttest.Sample("catalog", "offers", "products")
			h.post(collectedBy(c)...)
			result := h.apply(a, c, previous)
			h.wantDocuments(a, c)
			if result.Overwritten != 0 || strings.Count(log.String(), "taken over") != 1 || !strings.Contains(log.String(), `"documents":3`) {
				t.Errorf("%d overwritten, log %s", result.Overwritten, log.String())
			}
			h.wantNoWrite(a, c, verifyOf(result))
		})
	}
}

func TestApply_LeavesOtherOwnersAlone(t *testing.T) {
	c := documenttest.Sample("catalog", "offers", "products")
	elsewhere := documenttest.Sample("catalog", "offers")
	elsewhere.Namespace = "elsewhere"
	person := func(id string, more map[string]any) map[string]any {
		body := map[string]any{"id": id, "@type": "LogicalResource", "resourceVersion": "7"}
		maps.Copy(body, more)
		return body
	}
	tests := map[string]struct {
		prepare func(h *harness)
		change  func(*registry.Config)
		want    []string
	}{
		"of another cluster": {
			prepare: func(h *harness) {
				key := component.Key{Cluster: "west", Namespace: c.Namespace, Name: c.Name}
				if _, err := h.adapter().Apply(h.Context(), key, c, target.Previous{}); err != nil {
					h.Fatal(err)
				}
			},
			want: []string{"west/components/catalog", "east/components/catalog", "COMPONENT_REGISTRY_ID_PREFIX"},
		},
		"of another namespace": {
			prepare: func(h *harness) { h.apply(h.adapter(), elsewhere, target.Previous{}) },
			want:    []string{"east/elsewhere/catalog", "COMPONENT_NAME_FORMAT=namespace.name"},
		},
		"of the collector, for another namespace": {
			prepare: func(h *harness) { h.post(collectedBy(elsewhere)...) },
			want:    []string{`namespace "elsewhere"`, "COMPONENT_NAME_FORMAT=namespace.name"},
		},
		"of the collector, which is not adopted": {
			prepare: func(h *harness) { h.post(collectedBy(c)...) }, change: withoutAdoption,
			want: []string{"COMPONENT_REGISTRY_ADOPT=true", "east/components/catalog"},
		},
		"of a person": {
			prepare: func(h *harness) { h.post(person("self:catalog", nil)) },
			want:    []string{"another program or a person", `category "none"`, "COMPONENT_REGISTRY_ID_PREFIX"},
		},
		"of a person, in another shape": {
			prepare: func(h *harness) {
				h.post(person("self:catalog", map[string]any{"@type": "LogicalResource"}))
				h.send(200, "PATCH", "/resource/self:catalog", map[string]any{
					"category": 7, "resourceCharacteristic": "none", "resourceVersion": 3, "name": []int{1},
				})
			},
			want: []string{"another program or a person"},
		},
		"an API of a person": {
			prepare: func(h *harness) {
				h.post(person("self:catalog-offers", map[string]any{"category": "API", "name": "offers"}))
			},
			want: []string{"API catalog-offers", "another program or a person", `name "offers"`},
		},
	}
	for name, test := range tests {
		for mode, previous := range map[string]target.Previous{"unread": {}, "verifying": {Verify: true}, "in doubt": {InDoubt: true}} {
			t.Run(name+", "+mode, func(t *testing.T) {
				h := newHarness(t)
				test.prepare(h)
				before := h.documents()
				a := h.adapter()
				if test.change != nil {
					a = h.adapter(test.change)
				}
				result, err := a.Apply(t.Context(), documenttest.Key(c), c, previous)
				registrytest.WantFailure(t, err, target.ClassNameConflict, test.want...)
				after := h.documents()
				for id := range before {
					if diff := cmp.Diff(before[id], after[id]); diff != "" {
						t.Errorf("%s (-before +after):\n%s", id, diff)
					}
				}
				h.delete(a, c, target.Previous{Ref: result.Ref, Verify: true})
				if diff := cmp.Diff(before, h.documents()); diff != "" {
					t.Errorf("after the deletion (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// Two namespaces, two clusters: with the settings that a name conflict names, both have their documents.
func TestApply_KeepsOwnersApart(t *testing.T) {
	h := newHarness(t)
	c, other := documenttest.Sample("catalog", "offers"), documenttest.Sample("catalog", "offers")
	other.Namespace = "elsewhere"
	a := h.adapter(documenttest.WithNamespace, documenttest.WithPrefix("{cluster}"))
	h.apply(a, c, target.Previous{})
	h.apply(a, other, target.Previous{})
	h.wantDocuments(a, c, other)
	west := component.Key{Cluster: "we/st", Namespace: c.Namespace, Name: c.Name}
	result, err := a.Apply(t.Context(), west, c, target.Previous{})
	if err != nil || result.Ref.ID != "we_st:components.catalog" || len(h.documents()) != 6 {
		t.Errorf("reference = %+v, %v", result.Ref, err)
	}
	for _, cluster := range []string{documenttest.Cluster, "we/st"} {
		for _, e := range h.inventory(a, cluster) {
			if e.Key.Cluster != cluster || e.Foreign {
				t.Errorf("cluster %s has the entry %+v", cluster, e)
			}
		}
	}
}

func FuzzParseParts(f *testing.F) {
	f.Add("self:catalog AbCdEfGhI-_\nself:catalog-offers \n")
	f.Fuzz(func(t *testing.T, text string) {
		all := parseParts(text)
		testcheck.Equal(t, "owner parts", all, parseParts(all.String()))
	})
}
