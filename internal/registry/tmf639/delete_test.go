package tmf639

import (
	"net/http"
	"testing"

	"odasync/internal/component"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
)

func TestDelete_RemovesAPIsThenComponent(t *testing.T) {
	h, a, c, first := applied(t, "offers", "products")
	other := documenttest.Sample("other", "theirs")
	h.apply(a, other, target.Previous{})
	for name, previous := range map[string]target.Previous{
		"with its reference": previousOf(first), "verifying": verifyOf(first), "in doubt": {Ref: first.Ref, InDoubt: true},
		"unrecorded": {}, "unrecorded, in doubt": {InDoubt: true}, "unrecorded, verifying": {Verify: true},
	} {
		t.Run(name, func(t *testing.T) {
			var order []string
			h.server.SetFault(func(r *http.Request) *faults.Fault {
				if r.Method == http.MethodDelete {
					order = append(order, r.URL.Path)
				}
				return nil
			})
			h.delete(a, c, previous)
			h.server.SetFault(nil)
			if len(order) != 3 || order[2] != "/resource/self:catalog" {
				t.Errorf("deleted %v", order)
			}
			h.wantDocuments(a, other)
			h.delete(a, c, previous)
			h.wantDocuments(a, other)
			h.apply(a, c, target.Previous{})
		})
	}
}

func TestDelete_InterruptedAnywhere(t *testing.T) {
	for kind, fault := range map[string]faults.Fault{"before": {Status: 500}, "after": {Status: 500, After: true}} {
		t.Run(kind, func(t *testing.T) {
			for n := int32(1); n <= 3; n++ {
				h, a, c, first := applied(t, "offers", "products")
				h.server.SetFault(nth(n, fault))
				result, err := a.Delete(t.Context(), documenttest.Key(c), previousOf(first))
				registrytest.WantFailure(t, err, target.ClassUnavailable, "DELETE /resource/{id}: HTTP 500")
				if result.Ref.Parts == "" {
					t.Errorf("request %d: reference = %+v", n, result.Ref)
				}
				h.server.SetFault(nil)
				h.delete(h.adapter(), c, target.Previous{Ref: result.Ref, InDoubt: true})
				h.wantDocuments(a)
			}
		})
	}
}

// What another owner has put under the id of a recorded document stays; what has only lost its mark goes.
func TestDelete_KeepsOtherOwners(t *testing.T) {
	h, a, c, first := applied(t, "offers")
	for _, id := range []string{"/resource/self:catalog-offers", "/resource/self:catalog"} {
		h.send(204, "DELETE", id, nil)
	}
	other := component.Key{Cluster: "west", Namespace: documenttest.Namespace, Name: c.Name}
	if _, err := h.adapter().Apply(t.Context(), other, c, target.Previous{}); err != nil {
		t.Fatal(err)
	}
	before := h.documents()
	h.delete(a, c, verifyOf(first))
	h.delete(a, c, target.Previous{Ref: first.Ref, InDoubt: true})
	h.delete(a, c, target.Previous{})
	if after := h.documents(); len(after) != len(before) {
		t.Errorf("left: %v", after)
	}

	h, a, c, first = applied(t, "offers")
	h.send(200, "PATCH", "/resource/self:catalog-offers", collectedBy(c)[1])
	h.delete(a, c, verifyOf(first))
	h.wantDocuments(a)
}
