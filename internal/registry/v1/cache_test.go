package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"odasync/internal/fingerprint"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

func TestCache_RefreshSharesOneReadingAndStartsAnother(t *testing.T) {
	cache := newContent(registry.Config{}).labels
	reading, key, written := fingerprint.Of("reading"), fingerprint.Of("key"), fingerprint.Of("written meanwhile")
	begun, proceed := make(chan int64), make(chan struct{})
	var readings atomic.Int64
	read := func() (map[fingerprint.Print]int64, bool, error) {
		n := readings.Add(1)
		begun <- n
		<-proceed
		return map[fingerprint.Print]int64{reading: n, key: n}, true, nil
	}
	done := make(chan error)
	refresh := func(after uint64) { go func() { done <- cache.refresh(t.Context(), after, read) }() }
	wantID := func(key fingerprint.Print, want int64) {
		t.Helper()
		if got, _ := cache.get(key); got != want {
			t.Errorf("id = %d, want %d", got, want)
		}
	}

	refresh(cache.clock.Load())
	<-begun
	refresh(0)                  // accepts the reading in progress
	refresh(cache.clock.Load()) // came after it began, and so needs another
	cache.put(written, 7)
	proceed <- struct{}{}
	if n := <-begun; n != 2 {
		t.Fatalf("reading %d", n)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	wantID(reading, 1)
	wantID(written, 7)
	cache.drop(key, 1)
	proceed <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantID(reading, 2)
	wantID(key, 2) // the dropped one was another
	if _, kept := cache.get(written); kept {
		t.Error("a row that the registry lacks is still cached")
	}
}

func TestCache_FailedReadingKeepsTheIDs(t *testing.T) {
	cache, key, failure := newContent(registry.Config{}).labels, fingerprint.Of("a"), errors.New("failure")
	cache.put(key, 1)
	err := cache.refresh(t.Context(), 0, func() (map[fingerprint.Print]int64, bool, error) { return nil, false, failure })
	if !errors.Is(err, failure) {
		t.Errorf("error = %v", err)
	}
	if _, ok := cache.get(key); !ok {
		t.Error("the ids are gone")
	}
	if err := cache.refresh(t.Context(), 0, func() (map[fingerprint.Print]int64, bool, error) { return nil, true, nil }); err != nil {
		t.Error(err)
	}
}

func TestFlights_End(t *testing.T) {
	begin := func(ctx context.Context, f *flights, work func() error) (ended chan error) {
		begun, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- f.do(ctx, "k", func() error { close(begun); return work() }) }()
		<-begun
		return ended
	}
	t.Run("when a waiting caller's context ends", func(t *testing.T) {
		var f flights
		proceed := make(chan struct{})
		first := begin(t.Context(), &f, func() error { <-proceed; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- f.do(ctx, "k", func() error { t.Error("ran"); return nil }) }()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
		close(proceed)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
	t.Run("when the working caller's context ends", func(t *testing.T) {
		var f flights
		ctx, cancel := context.WithCancel(t.Context())
		proceed, over := make(chan struct{}), false
		first := begin(ctx, &f, func() error { <-proceed; over = true; return ctx.Err() })
		second := make(chan error, 1)
		go func() { second <- f.do(t.Context(), "k", func() error { return nil }) }()
		cancel()
		close(proceed)
		if err := <-first; !errors.Is(err, context.Canceled) || !over {
			t.Errorf("error = %v, the work had ended: %v", err, over)
		}
		if err := <-second; err != nil {
			t.Errorf("the waiting caller: %v", err)
		}
	})
}

// When rows may be missing in the list of all APIs, a component's own are read before any is created.
func TestApply_ReadsAPIsAfterAnUnsteadyList(t *testing.T) {
	h := newHarness(t, refregistry.Config{})
	a := h.adapter()
	h.apply(a, sample("warm-up"))
	a.content.apis.steady = false
	h.leaveAPIs("catalog", nil)
	h.apply(a, sample("catalog", "api"))
	if n := len(h.snapshot().APIs); n != 1 {
		t.Errorf("%d APIs, want 1", n)
	}
}

// APIs created after the list was read, whose component is gone: only the doubt or the reference indicates them.
func TestApply_FindsLeftAPIsThatNoListHad(t *testing.T) {
	for name, previous := range map[string]target.Previous{
		"in doubt":         {InDoubt: true},
		"with a reference": {Ref: target.Ref{Registry: "self", Name: "catalog", ID: "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, refregistry.Config{})
			a := h.adapter()
			h.apply(a, sample("warm-up"))
			c := sample("catalog", "products")
			gone := h.apply(h.adapter(), c)
			h.send("DELETE", "/components/"+gone.Ref.ID, nil)
			h.apply(a, c, previous)
			if n := len(h.snapshot().APIs); n != 1 {
				t.Errorf("%d APIs, want 1", n)
			}
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
	h := newHarness(t, refregistry.Config{})
	a := h.adapter()
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
	if n := h.server.Load().Requests()["GET /labels/"]; n != 2 {
		t.Errorf("the labels were read %d times, want 2", n)
	}
}
