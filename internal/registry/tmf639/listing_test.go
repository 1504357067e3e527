package tmf639

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/registry/tmf639/document/documenttest"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestListing_ForgetsItsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListing()
		readings := 0
		view := func(fresh bool) (rows int) {
			t.Helper()
			after := l.clock.Load()
			if !fresh {
				after = l.acceptable(after)
			}
			err := l.rows.Refresh(t.Context(), after, func() (map[string]row, bool, error) {
				readings++
				l.began, l.tick = time.Now(), l.clock.Load()
				l.expire(l.tick)
				return map[string]row{"a": {}}, true, nil
			})
			if err != nil || !l.rows.View(after, func(all map[string]row) { rows = len(all) }) {
				t.Error("no rows", err)
			}
			return rows
		}
		view(false)
		time.Sleep(recently - time.Second)
		if view(false); readings != 1 {
			t.Errorf("%d readings, want the first", readings)
		}
		if view(true); readings != 2 {
			t.Errorf("%d readings, want a fresh one", readings)
		}
		time.Sleep(recently)
		synctest.Wait()
		if l.rows.NewerThan(0) {
			t.Error("the rows are kept")
		}
		if view(false); readings != 3 {
			t.Errorf("%d readings, want another", readings)
		}
		l.close()
	})
}

// Rows that move while the list is read in pages are not missed.
func TestListing_ReadsAgainWhenRowsMove(t *testing.T) {
	h := newHarness(t)
	for i := range shortPage + 10 {
		h.post(map[string]any{"id": fmt.Sprint("self:", i), "@type": "LogicalResource"})
	}
	var pages atomic.Int32
	h.server.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodGet && pages.Add(1) == 2 {
			h.server.SetFault(nil)
			h.send(204, "DELETE", "/resource/self:0", nil)
		}
		return nil
	})
	entries := h.inventory(h.adapter(), documenttest.Cluster)
	if len(entries) != shortPage+9 || pages.Load() != 2 {
		t.Errorf("%d entries, want %d; %d pages before the change", len(entries), shortPage+9, pages.Load())
	}
}

// A document is read where the list has it, and found where it has moved to.
func TestListing_FindsMovedDocument(t *testing.T) {
	h := newHarness(t)
	for i := range 5 {
		h.post(map[string]any{"id": fmt.Sprint("self:", i), "@type": "LogicalResource", "name": strconv.Itoa(i)})
	}
	a := h.adapter()
	find := func(id string) document.Stored {
		t.Helper()
		found, err := a.listing.find(t.Context(), a.client.NewSession(), id)
		testcheck.NoError(t, err)
		return found
	}
	for range 2 {
		if found := find("self:3"); found.Text("name") != "3" {
			t.Errorf("found %s", found)
		}
		h.send(204, "DELETE", "/resource/self:0", nil)
		h.post(map[string]any{"id": "self:0", "@type": "LogicalResource"})
	}
	h.send(204, "DELETE", "/resource/self:3", nil)
	if found := find("self:3"); found != nil {
		t.Errorf("found %s, which was deleted", found)
	}
}

func TestListing_GivesUpOnAListThatNeverRests(t *testing.T) {
	h := newHarness(t)
	h.post(map[string]any{"id": "self:catalog", "@type": "LogicalResource"})
	h.server.SetFault(func(r *http.Request) *faults.Fault {
		if r.URL.Query().Get("fields") != "" {
			return nil
		}
		return &faults.Fault{Status: 200, Body: `[{"id":"another"}]`}
	})
	a := h.adapter()
	_, err := a.listing.find(t.Context(), a.client.NewSession(), "self:catalog")
	registrytest.WantFailure(t, err, target.ClassConflict, "self:catalog")
}

func TestApply_AnyName(t *testing.T) {
	for _, name := range []string{"ü-日本", "a b", "q?x=1#y", "100%", "%2F", "..", "a/b", `quo"te\`, "self:twice", "\u200b"} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			a, c := h.adapter(), documenttest.Sample(name, "of/fers", "größe")
			first := h.apply(a, c, target.Previous{})
			h.wantDocuments(a, c)
			c.DeploymentStatus = ""
			c.ExposedAPIs[0].Ready = false
			second := h.apply(a, c, previousOf(first))
			h.wantDocuments(a, c)
			h.wantNoWrite(h.adapter(), c, verifyOf(second))
			if entries := h.inventory(a, documenttest.Cluster); len(entries) != 1 || entries[0].Key != documenttest.Key(c) || entries[0].Ref.Digest != second.Ref.Digest {
				t.Errorf("inventory: %+v", entries)
			}
			h.delete(h.adapter(), c, previousOf(second))
			h.wantDocuments(a)
		})
	}
}

func TestApply_SendsNothingAfterItsContextEnded(t *testing.T) {
	for n := int32(1); n < 3; n++ { // an apply takes 3 requests; the answer to the last may be there already
		h := newHarness(t)
		a, c := h.adapter(), documenttest.Sample("catalog", "offers", "products")
		ctx, cancel := context.WithCancel(t.Context())
		var served atomic.Int32
		h.server.SetFault(func(*http.Request) *faults.Fault {
			if served.Add(1) == n {
				cancel()
			}
			return nil
		})
		_, err := a.Apply(ctx, documenttest.Key(c), c, target.Previous{})
		if _, isFailure := registry.AsFailure(err); isFailure || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled in request %d: error = %v, want the context's", n, err)
		}
		for _, previous := range []target.Previous{{InDoubt: true}, {Ref: target.Ref{Parts: "self:catalog \n"}}} {
			if _, err := a.Delete(ctx, documenttest.Key(c), previous); !errors.Is(err, context.Canceled) {
				t.Errorf("delete with an ended context: %v", err)
			}
		}
		testcheck.Equal(t, "requests sent until the cancelled one", n, served.Load())
	}
}
