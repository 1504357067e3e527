package tmf639

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestApply_CreatesThenWritesNothing(t *testing.T) {
	h, a, c, first := applied(t, "offers", "products")
	h.wantRequests(map[string]int{"POST /resource": 3})
	h.wantDocuments(a, c)
	want := target.Ref{Registry: "self", Name: "catalog", ID: "self:catalog", Digest: first.Ref.Digest, Parts: first.Ref.Parts}
	if first.Ref != want || want.Digest == "" || strings.Count(want.Parts, "\n") != 3 {
		t.Errorf("reference = %+v, want %+v with a digest and three parts", first.Ref, want)
	}
	if first.Writes != 3 || first.Requests != 3 || !first.Created {
		t.Errorf("%d writes of %d requests, created is %t", first.Writes, first.Requests, first.Created)
	}
	for name, previous := range map[string]target.Previous{
		"with its reference": previousOf(first), "verifying": verifyOf(first), "in doubt": {Ref: first.Ref, InDoubt: true},
		"in doubt, unrecorded": {InDoubt: true}, "verifying, unrecorded": {Verify: true},
	} {
		t.Run(name, func(t *testing.T) {
			for which, adapter := range map[string]*Adapter{"the same adapter": a, "a new one": h.adapter()} {
				if again := h.wantNoWrite(adapter, c, previous); again.Ref != first.Ref || again.Created {
					t.Errorf("repeat by %s: %+v", which, again)
				}
			}
		})
	}
	h.server.ResetRequests()
	h.apply(a, c, previousOf(first))
	h.wantRequests(map[string]int{})
}

func TestApply_WritesOnlyDifferences(t *testing.T) {
	tests := map[string]struct {
		change func(c *component.Component)
		want   map[string]int
	}{
		"a state":              {func(c *component.Component) { c.ExposedAPIs[0].Ready = false }, map[string]int{"PATCH /resource/{id}": 1}},
		"a specification gone": {func(c *component.Component) { c.ExposedAPIs[0].Specifications = nil }, map[string]int{"PATCH /resource/{id}": 1}},
		"the Component":        {func(c *component.Component) { c.DeploymentStatus = "In-Progress-CompCon" }, map[string]int{"PATCH /resource/{id}": 1}},
		"termination":          {func(c *component.Component) { c.Terminating = true }, map[string]int{}},
		"an API removed":       {func(c *component.Component) { c.ExposedAPIs = c.ExposedAPIs[1:] }, map[string]int{"DELETE /resource/{id}": 1}},
		"an API added": {
			func(c *component.Component) {
				c.ExposedAPIs = append(c.ExposedAPIs, documenttest.Sample("catalog", "prices").ExposedAPIs...)
			},
			map[string]int{"POST /resource": 1},
		},
		"an API renamed": {
			func(c *component.Component) { c.ExposedAPIs[0].Object += "-v4" },
			map[string]int{"POST /resource": 1, "DELETE /resource/{id}": 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, a, c, first := applied(t, "offers", "products")
			test.change(c)
			h.server.ResetRequests()
			result := h.apply(a, c, previousOf(first))
			h.wantRequests(test.want)
			h.wantDocuments(a, c)
			h.wantNoWrite(h.adapter(), c, verifyOf(result))
		})
	}
}

func TestApply_RepairsWhatOthersChanged(t *testing.T) {
	tests := map[string]struct {
		damage      func(h *harness, c *component.Component)
		overwritten int
	}{
		"an API deleted": {damage: func(h *harness, _ *component.Component) { h.send(204, "DELETE", "/resource/self:catalog-offers", nil) }},
		"everything deleted": {damage: func(h *harness, _ *component.Component) {
			for _, id := range []string{"catalog-offers", "catalog-products", "catalog"} {
				h.send(204, "DELETE", "/resource/self:"+id, nil)
			}
		}},
		"the Component deleted": {damage: func(h *harness, _ *component.Component) { h.send(204, "DELETE", "/resource/self:catalog", nil) }},
		"the Component deleted, and a stub made": {damage: func(h *harness, c *component.Component) {
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			h.send(204, "DELETE", "/resource/self:catalog-offers", nil)
			h.post(collectedBy(c)[1])
		}, overwritten: 1},
		"an API written over": {damage: func(h *harness, c *component.Component) {
			h.send(200, "PATCH", "/resource/self:catalog-offers", collectedBy(c)[1])
		}, overwritten: 1},
		"the Component written over": {damage: func(h *harness, c *component.Component) {
			h.send(200, "PATCH", "/resource/self:catalog", collectedBy(c)[0])
		}, overwritten: 1},
		"the Component written anew": {damage: func(h *harness, c *component.Component) {
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			h.post(collectedBy(c)[0])
		}, overwritten: 1},
		"everything written over": {damage: func(h *harness, c *component.Component) {
			for _, body := range collectedBy(c) {
				h.send(200, "PATCH", "/resource/"+body["id"].(string), body)
			}
		}, overwritten: 3},
		"a document emptied": {damage: func(h *harness, _ *component.Component) {
			h.send(200, "PATCH", "/resource/self:catalog-offers", map[string]any{})
		}},
		"a document of another state of the component": {damage: func(h *harness, c *component.Component) {
			other := documenttest.Sample("catalog", "offers", "products")
			other.ExposedAPIs[0].URL = "http://elsewhere.example.org"
			h.apply(h.adapter(), other, target.Previous{InDoubt: true})
		}},
	}
	for name, test := range tests {
		for mode, previous := range map[string]target.Previous{"verifying": {Verify: true}, "in doubt": {InDoubt: true}} {
			t.Run(name+", "+mode, func(t *testing.T) {
				h, a, c, first := applied(t, "offers", "products")
				test.damage(h, c)
				previous.Ref = first.Ref
				result := h.apply(a, c, previous)
				h.wantDocuments(a, c)
				testcheck.Equal(t, "documents overwritten", test.overwritten, result.Overwritten)
				testcheck.Equal(t, "reference", first.Ref, result.Ref)
				h.wantNoWrite(h.adapter(), c, verifyOf(result))
			})
		}
	}
}

// An attempt that trusts its record meets a registry that has lost documents.
func TestApply_TrustedRecordMeetsMissingDocuments(t *testing.T) {
	for _, gone := range [][]string{{"catalog-offers"}, {"catalog"}, {"catalog-offers", "catalog-products", "catalog"}} {
		t.Run(strings.Join(gone, ","), func(t *testing.T) {
			h, a, c, first := applied(t, "offers", "products")
			for _, id := range gone {
				h.send(204, "DELETE", "/resource/self:"+id, nil)
			}
			c.DeploymentStatus = "In-Progress-CompCon"
			c.ExposedAPIs[0].Ready = false
			result := h.apply(a, c, previousOf(first))
			if len(gone) < 3 {
				h.wantDocuments(a, c)
			}
			result = h.apply(a, c, verifyOf(result))
			h.wantDocuments(a, c)
			h.wantNoWrite(a, c, verifyOf(result))
		})
	}
}

// The Component is deleted after the listing has shown it.
func TestApply_ComponentVanishesMeanwhile(t *testing.T) {
	for mode, previous := range map[string]target.Previous{"trusting": {}, "verifying": {Verify: true}, "in doubt": {InDoubt: true}} {
		t.Run(mode, func(t *testing.T) {
			h, a, c, first := applied(t, "offers", "products")
			c.DeploymentStatus = ""
			h.server.SetFault(func(r *http.Request) *faults.Fault {
				if r.Method == http.MethodPatch {
					h.server.SetFault(nil)
					h.send(204, "DELETE", "/resource/self:catalog", nil)
				}
				return nil
			})
			previous.Ref = first.Ref
			result := h.apply(a, c, previous)
			h.wantDocuments(a, c)
			h.wantNoWrite(a, c, verifyOf(result))
		})
	}
}

// A PATCH shows that the Component of an API was deleted: only a new document gets the right link.
func TestApply_ReplacesAPIWithWrongLink(t *testing.T) {
	h, a, c, first := applied(t, "offers")
	h.send(204, "DELETE", "/resource/self:catalog", nil)
	h.post(collectedBy(c)[0])
	c.ExposedAPIs[0].Ready = false
	h.server.ResetRequests()
	h.apply(a, c, previousOf(first))
	h.wantRequests(map[string]int{"PATCH /resource/{id}": 1, "DELETE /resource/{id}": 1, "POST /resource": 1})
	if got, want := h.documents()["self:catalog-offers"], documentsOf(a.cfg, c)["self:catalog-offers"]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The collector writes an API before it has seen its Component: without a link, and a PATCH would keep one as mere data.
func TestApply_LinksAPIWithoutLink(t *testing.T) {
	h := newHarness(t)
	a, c := h.adapter(), documenttest.Sample("catalog", "offers")
	bodies := collectedBy(c)
	bodies[1]["resourceRelationship"] = []any{}
	h.post(bodies...)
	h.apply(a, c, target.Previous{})
	h.wantDocuments(a, c)
}

// Two targets can have the same components in one registry, each under its own prefix.
func TestApply_TwoPrefixes(t *testing.T) {
	h := newHarness(t)
	a, b, c := h.adapter(), h.adapter(documenttest.WithPrefix("other")), documenttest.Sample("catalog", "offers")
	first := h.apply(a, c, target.Previous{})
	before := h.documents()
	second := h.apply(b, c, target.Previous{InDoubt: true})
	h.wantNoWrite(h.adapter(), c, verifyOf(first))
	h.delete(h.adapter(documenttest.WithPrefix("other")), c, target.Previous{Ref: second.Ref, InDoubt: true})
	h.delete(b, c, target.Previous{InDoubt: true})
	testcheck.Equal(t, "documents", before, h.documents())
}

func TestApply_ContinuesAfterRejectedAPI(t *testing.T) {
	h := newHarness(t)
	a, c := h.adapter(), documenttest.Sample("catalog", "offers", "products")
	h.server.SetFault(nth(2, faults.Fault{Status: 400, Body: `{"detail":"Schema validation failed"}`}))
	result, err := a.Apply(t.Context(), documenttest.Key(c), c, target.Previous{})
	registrytest.WantFailure(t, err, target.ClassInvalid, "API catalog-offers", "Schema validation failed")
	if _, ok := h.documents()["self:catalog-products"]; !ok || result.Ref.Digest != "" || strings.Count(result.Ref.Parts, "\n") != 2 {
		t.Errorf("documents %v, reference %+v", h.documents(), result.Ref)
	}
	h.apply(a, c, target.Previous{Ref: result.Ref, InDoubt: true})
	h.wantDocuments(a, c)
}

func TestApply_MovesTheEntry(t *testing.T) {
	for name, changes := range map[string]func(*Adapter){
		"to another prefix": func(a *Adapter) { a.cfg.IDPrefix = "{cluster}" },
		"to another format": func(a *Adapter) { documenttest.WithNamespace(&a.cfg) },
	} {
		for mode, previous := range map[string]target.Previous{"trusting": {}, "verifying": {Verify: true}, "in doubt": {InDoubt: true}} {
			t.Run(name+", "+mode, func(t *testing.T) {
				h, _, c, first := applied(t, "offers", "products")
				moved := h.adapter()
				changes(moved)
				previous.Ref = first.Ref
				result := h.apply(moved, c, previous)
				h.wantDocuments(moved, c)
				if result.Ref.ID == first.Ref.ID || result.Ref.Digest == first.Ref.Digest {
					t.Errorf("reference = %+v", result.Ref)
				}
				h.wantNoWrite(moved, c, verifyOf(result))
				h.delete(moved, c, previousOf(result))
				h.wantDocuments(moved)
			})
		}
	}
}

// After an interruption at any request, before or after it took effect, the next attempt ends in the right documents. The
// record is that of before the interruption, or what the interrupted attempt returned.
func TestApply_InterruptedAnywhere(t *testing.T) {
	change := func(c *component.Component) {
		c.DeploymentStatus = "In-Progress-CompCon"
		c.ExposedAPIs = append(c.ExposedAPIs[1:], documenttest.Sample("catalog", "prices").ExposedAPIs...)
		c.ExposedAPIs[0].Ready = false
	}
	scenarios := map[string]func(h *harness, a *Adapter, c *component.Component) target.Previous{
		"create": func(*harness, *Adapter, *component.Component) target.Previous { return target.Previous{} },
		"change": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			first := h.apply(a, c, target.Previous{})
			change(c)
			return previousOf(first)
		},
		"adopt": func(h *harness, _ *Adapter, c *component.Component) target.Previous {
			h.post(collectedBy(c)...)
			c.DeploymentStatus = "In-Progress-CompCon"
			c.ExposedAPIs[0].Ready = false
			c.ExposedAPIs = append(c.ExposedAPIs, documenttest.Sample("catalog", "prices").ExposedAPIs...)
			return target.Previous{}
		},
		"adopt APIs with broken links": func(h *harness, _ *Adapter, c *component.Component) target.Previous {
			h.post(collectedBy(c)...)
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			return target.Previous{}
		},
		"repair broken links": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			first := h.apply(a, c, target.Previous{})
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			h.post(collectedBy(c)[0])
			change(c)
			return target.Previous{Ref: first.Ref, Verify: true}
		},
		"change with unnoticed broken links": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			first := h.apply(a, c, target.Previous{})
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			h.post(collectedBy(c)[0])
			change(c)
			return target.Previous{Ref: first.Ref}
		},
		"create again": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			first := h.apply(a, c, target.Previous{})
			h.send(204, "DELETE", "/resource/self:catalog", nil)
			return target.Previous{Ref: first.Ref, Verify: true}
		},
		"a stub": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			h.post(collectedBy(c)[1])
			return target.Previous{}
		},
		"move": func(h *harness, a *Adapter, c *component.Component) target.Previous {
			first := h.apply(a, c, target.Previous{})
			documenttest.WithNamespace(&a.cfg)
			return previousOf(first)
		},
	}
	for name, prepare := range scenarios {
		for kind, fault := range map[string]faults.Fault{
			"before": {Reset: true}, "after": {Reset: true, After: true}, "with 500": {Status: 500}, "with 500 after": {Status: 500, After: true},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				var reached atomic.Bool
				reached.Store(true)
				for n := int32(1); reached.Load(); n++ {
					h := newHarness(t)
					a, c := h.adapter(), documenttest.Sample("catalog", "offers", "products")
					previous := prepare(h, a, c)
					interrupt := nth(n, fault)
					reached.Store(false)
					h.server.SetFault(func(r *http.Request) *faults.Fault {
						found := interrupt(r)
						if found != nil {
							reached.Store(true)
						}
						return found
					})
					result, err := a.Apply(t.Context(), documenttest.Key(c), c, previous)
					h.server.SetFault(nil)
					again := target.Previous{Ref: previous.Ref, InDoubt: true}
					if err == nil { // a read that gets no answer is repeated at once
						again = verifyOf(result)
					} else {
						registrytest.WantFailure(t, err, target.ClassUnavailable)
						if n%2 == 0 && result.Ref != (target.Ref{}) {
							again.Ref = result.Ref
						}
					}
					other := h.adapter()
					other.cfg = a.cfg
					last := h.apply(other, c, again)
					if name == "change with unnoticed broken links" { // the next reconcile notices what did not change
						last = h.apply(other, c, verifyOf(last))
					}
					h.wantDocuments(a, c)
					h.wantNoWrite(other, c, verifyOf(last))
				}
			})
		}
	}
}

func TestApply_ConcurrentCreators(t *testing.T) {
	h := newHarness(t)
	c := documenttest.Sample("catalog", "offers", "products")
	var group sync.WaitGroup
	for range 5 {
		a := h.adapter()
		group.Go(func() {
			if _, err := a.Apply(t.Context(), documenttest.Key(c), c, target.Previous{}); err != nil && !strings.Contains(err.Error(), "already exists") {
				t.Error(err)
			}
		})
	}
	group.Wait()
	a := h.adapter()
	h.apply(a, c, target.Previous{InDoubt: true})
	h.wantDocuments(a, c)
}

func TestApply_LogsASecondWriterOnce(t *testing.T) {
	h := newHarness(t)
	var log bytes.Buffer
	a, c := h.logging(zerolog.New(&log)), documenttest.Sample("catalog", "offers")
	result := h.apply(a, c, target.Previous{})
	for range 3 {
		h.send(200, "PATCH", "/resource/self:catalog", collectedBy(c)[0])
		result = h.apply(h.reuse(a), c, verifyOf(result))
	}
	if n := strings.Count(log.String(), "documents were written over"); n != 1 || !strings.Contains(log.String(), "canvasResourceInventory") {
		t.Errorf("logged %d times: %s", n, log.String())
	}
	h.inventory(a, documenttest.Cluster)
	testcheck.Contains(t, "the log", log.String(), "no document of another program is left")
}

// reuse makes the adapter forget its listing, as after ten seconds.
func (h *harness) reuse(a *Adapter) *Adapter {
	a.listing.rows.Clear(a.listing.clock.Load())
	a.listing.tick = 0
	return a
}

func TestApply_SharesOneListing(t *testing.T) {
	h := newHarness(t)
	a := h.adapter()
	results := make([]target.Result, 50)
	for i := range results {
		results[i] = h.apply(a, documenttest.Sample(fmt.Sprint("c", i), "products"), target.Previous{})
	}
	h.server.ResetRequests()
	inParallel(8, len(results), func(i int) {
		c := documenttest.Sample(fmt.Sprint("c", i), "products")
		if _, err := a.Apply(t.Context(), documenttest.Key(c), c, verifyOf(results[i])); err != nil {
			t.Error(err)
		}
	})
	h.wantRequests(map[string]int{"GET /resource": 1})
}
