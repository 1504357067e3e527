package tmf639

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// Whatever happens between attempts, and wherever they are interrupted, comparing once more ends in the right documents.
func TestApply_AnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHarness(t)
		a, c := h.adapter(), documenttest.Sample("catalog", "offers", "products")
		exists, ref, inDoubt := true, target.Ref{}, false
		// Another program that writes the Component anew is noticed by a comparison, not by an attempt that trusts its record.
		compare := false

		attempt := func(verify bool) error {
			previous := target.Previous{Ref: ref, InDoubt: inDoubt, Verify: verify}
			var result target.Result
			var err error
			if exists {
				result, err = a.Apply(t.Context(), documenttest.Key(c), c, previous)
			} else {
				result, err = a.Delete(t.Context(), documenttest.Key(c), previous)
			}
			switch {
			case err == nil:
				ref, inDoubt, compare = result.Ref, false, false
			case rapid.Bool().Draw(rt, "the outcome is recorded") && result.Ref != (target.Ref{}):
				ref, inDoubt = result.Ref, true
			default:
				inDoubt = true
			}
			return err
		}
		rt.Repeat(map[string]func(*rapid.T){
			"change": func(rt *rapid.T) {
				c.DeploymentStatus = rapid.SampledFrom([]string{"Complete", "In-Progress-CompCon"}).Draw(rt, "status")
				c.ExposedAPIs = nil
				for _, name := range []string{"offers", "products", "prices"} {
					if rapid.Bool().Draw(rt, name) {
						api := documenttest.Sample("catalog", name).ExposedAPIs[0]
						api.Ready = rapid.Bool().Draw(rt, "ready")
						c.ExposedAPIs = append(c.ExposedAPIs, api)
					}
				}
				exists = rapid.IntRange(0, 4).Draw(rt, "exists") > 0
			},
			"attempt": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "by another replica") {
					a = h.adapter()
				}
				if err := attempt(compare || rapid.Bool().Draw(rt, "verify")); err != nil {
					rt.Error(err)
				}
			},
			"interrupted attempt": func(rt *rapid.T) {
				fault := faults.Fault{Status: 500, After: rapid.Bool().Draw(rt, "after")}
				h.server.SetFault(nth(rapid.Int32Range(1, 8).Draw(rt, "request"), fault))
				_ = attempt(compare) // it may have ended before the fault
				h.server.SetFault(nil)
			},
			"damage": func(rt *rapid.T) {
				body := rapid.SampledFrom(collectedBy(c)).Draw(rt, "document")
				path := "/resource/" + body["id"].(string)
				if !exists || h.Do(http.MethodGet, path, "").Status != 200 {
					rt.Skip("there is no such document")
				}
				compare = true
				switch rapid.SampledFrom([]string{"delete", "write over", "write anew"}).Draw(rt, "how") {
				case "delete":
					h.send(204, "DELETE", path, nil)
				case "write over":
					h.send(200, "PATCH", path, body)
				case "write anew":
					h.send(204, "DELETE", path, nil)
					h.post(body)
				}
				h.reuse(a) // a reading of before would have expired
			},
		})
		testcheck.NoError(rt, attempt(true))
		want := map[string]string{}
		if exists {
			want = documentsOf(a.cfg, c)
		}
		got := h.documents()
		for id, content := range got {
			if _, desired := want[id]; !desired && !strings.Contains(content, document.OwnerMark(documenttest.Key(c))) {
				delete(got, id) // written over by another program while no record said whose it was
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("documents (-want +got):\n%s", diff)
		}
		h.server.ResetRequests()
		testcheck.NoError(rt, attempt(true))
		if _, writes := h.requests(); writes > 0 {
			rt.Fatalf("the repeat writes %d times", writes)
		}
	})
}

// A registry stores every document that can be desired, and what it returns does not differ from it.
func TestApply_StoresAnyComponent(t *testing.T) {
	h := newHarness(t)
	a := h.adapter()
	rapid.Check(t, func(rt *rapid.T) {
		c := documenttest.Draw(rt)
		result, err := a.Apply(t.Context(), documenttest.Key(c), c, target.Previous{InDoubt: true})
		testcheck.NoError(rt, err)
		actual, err := a.ActualOf(t.Context(), documenttest.Key(c), result.Ref)
		testcheck.NoError(rt, err)
		if presence, differences := actual.Compare(documenttest.Key(c), c); presence != registry.Present || len(differences) > 0 {
			rt.Errorf("presence %v, differences %+v", presence, differences)
		}
		if _, err := a.Delete(t.Context(), documenttest.Key(c), target.Previous{Ref: result.Ref}); err != nil {
			rt.Fatal(err)
		}
		if left := h.server.Resources(); len(left) > 0 {
			rt.Errorf("%d documents are left", len(left))
		}
	})
}
