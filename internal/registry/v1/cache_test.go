package v1

import (
	"fmt"
	"net/http"
	"testing"

	"odasync/internal/fingerprint"
	"odasync/internal/refregistry/faults"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// When rows may be missing in the list of all APIs, a component's own are read before any is created.
func TestApply_ReadsAPIsAfterAnUnsteadyList(t *testing.T) {
	h, a := newEmpty(t)
	h.apply(a, sample("warm-up"))
	testcheck.NoError(t, a.content.apis.Refresh(t.Context(), a.content.clock.Load(), func() (map[fingerprint.Print]int64, bool, error) { return nil, false, nil }))
	h.leaveAPIs("catalog", nil)
	h.apply(a, sample("catalog", "api"))
	testcheck.Equal(t, "APIs", 1, len(h.snapshot().APIs))
}

// APIs created after the list was read, whose component is gone: only the doubt or the reference indicates them.
func TestApply_FindsLeftAPIsThatNoListHad(t *testing.T) {
	for name, previous := range map[string]target.Previous{
		"in doubt":         {InDoubt: true},
		"with a reference": {Ref: target.Ref{Registry: "self", Name: "catalog", ID: "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, a := newEmpty(t)
			h.apply(a, sample("warm-up"))
			c := sample("catalog", "products")
			gone := h.apply(h.adapter(), c)
			h.send("DELETE", "/components/"+gone.Ref.ID, nil)
			h.apply(a, c, previous)
			testcheck.Equal(t, "APIs", 1, len(h.snapshot().APIs))
		})
	}
}

func TestAdapter_KeepsOthersAPIsWithoutAFilter(t *testing.T) {
	h, a, c, first := applied(t, "products")
	h.apply(a, sample("other", "theirs"))
	h.fault(func(r *http.Request) *faults.Fault {
		if r.Method == "GET" && r.URL.Path == pathAPIs {
			query := r.URL.Query()
			query.Del("component_name")
			r.URL.RawQuery = query.Encode()
		}
		return nil
	})
	h.apply(a, c, previousOf(first))
	h.delete(a, c, previousOf(first))
	h.wantEntry("other", "theirs")
}

// A registry entry that the list has in another form than the answers must not make every apply read everything again.
func TestApply_ReadsOnceForARegistryThatNoListHas(t *testing.T) {
	h, a := newEmpty(t)
	h.fault(func(r *http.Request) *faults.Fault {
		if r.Method == "GET" && r.URL.Path == pathRegistries {
			return &faults.Fault{Status: 200, Body: `[{"id":1,"name":"self","created_at":"another form"}]`}
		}
		return nil
	})
	h.Registry("self")
	for i := range 5 {
		h.apply(a, sample(fmt.Sprint("c", i), "products"))
	}
	testcheck.Equal(t, "readings of the labels", 2, h.server.Load().Requests()["GET /labels/"])
}
