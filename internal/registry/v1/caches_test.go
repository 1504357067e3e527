package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/target"
)

func TestTableReloadSharesOneLoadAndStartsAnother(t *testing.T) {
	var table table[string, int64]
	begun, proceed := make(chan int), make(chan struct{})
	var loads atomic.Int32
	load := func() (map[string]int64, error) {
		n := int(loads.Add(1))
		begun <- n
		<-proceed
		return map[string]int64{"load": int64(n)}, nil
	}
	done := make(chan error)
	reload := func(mark uint64) { go func() { done <- table.reload(t.Context(), mark, load) }() }

	reload(table.mark())
	<-begun
	reload(0)            // content with the load under way
	reload(table.mark()) // came after it began, so needs another
	table.put("written meanwhile", 7)
	proceed <- struct{}{}
	if n := <-begun; n != 2 {
		t.Fatalf("load %d", n)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := table.get("load"); got != 1 {
		t.Errorf("rows are of load %d, want 1", got)
	}
	if got, _ := table.get("written meanwhile"); got != 7 {
		t.Error("the load lost what was written meanwhile")
	}
	table.drop("load", 1)
	proceed <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, _ := table.get("load"); got != 2 {
		t.Errorf("rows are of load %d, want 2: what was dropped had another value", got)
	}
	if _, kept := table.get("written meanwhile"); kept {
		t.Error("what the registry does not have is still known")
	}
}

func TestTableReloadThatFailsKeepsTheRows(t *testing.T) {
	var table table[string, int64]
	table.put("a", 1)
	trouble := errors.New("trouble")
	err := table.reload(t.Context(), 0, func() (map[string]int64, error) { return nil, trouble })
	if !errors.Is(err, trouble) {
		t.Errorf("error = %v", err)
	}
	if _, ok := table.get("a"); !ok {
		t.Error("the rows are gone")
	}
	if err := table.reload(t.Context(), 0, func() (map[string]int64, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}

func TestFlightEndsForAWaiterWithItsContext(t *testing.T) {
	var f flight[string]
	begun, proceed, first := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		first <- f.do(t.Context(), "k", func() error { close(begun); <-proceed; return nil })
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := f.do(ctx, "k", func() error { t.Error("ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	close(proceed)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestListReadsAgainWhenRowsMove(t *testing.T) {
	const count = 2100
	tests := map[string]struct {
		harm   func(b *bench, page int)
		rows   int
		steady bool
		pages  int
	}{
		"quiet": {rows: count, steady: true, pages: 3},
		"a row leaves between pages": {
			harm: func(b *bench, page int) {
				if page == 2 {
					b.raw("DELETE", "/labels/1", nil)
				}
			},
			rows: count - 1, steady: true, pages: 6,
		},
		"a row comes at the end": {
			harm: func(b *bench, page int) {
				if page == 2 {
					b.rawLabel("late", "x")
				}
			},
			rows: count + 1, steady: true, pages: 3,
		},
		"rows leave all the time": {
			harm: func(b *bench, page int) { b.raw("DELETE", fmt.Sprint("/labels/", page), nil) },
			rows: -1, steady: false, pages: 9,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			for i := range count {
				b.rawLabel("filler", fmt.Sprint(i))
			}
			pages := 0
			b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
				if r.Method == "GET" && r.URL.Path == pathLabels {
					pages++
					if test.harm != nil {
						test.harm(b, pages)
					}
				}
				return nil
			})
			s := &registry.Session{Client: b.adapter().client}
			rows, steady, err := registry.Collect(t.Context(), s, pathLabels, nil, func(l *wireLabel) int64 { return l.ID })
			if err != nil {
				t.Fatal(err)
			}
			if steady != test.steady || pages != test.pages || test.rows >= 0 && len(rows) != test.rows {
				t.Errorf("%d rows in %d pages, steady %v; want %d in %d, %v", len(rows), pages, steady, test.rows, test.pages, test.steady)
			}
			seen := map[int64]bool{}
			for _, row := range rows {
				if seen[row.ID] {
					t.Fatalf("label %d twice", row.ID)
				}
				seen[row.ID] = true
			}
		})
	}
}

// When the listing of all APIs cannot be relied on, a component's own are read before any is created.
func TestApplyReadsTheAPIsWhenTheirListIsUnsteady(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	b.apply(v, sample("warm-up"), target.Previous{})
	v.index.unsteady.Store(true)
	id := b.rawComponent("self", "catalog")
	b.rawAPI("self", "catalog", "products")
	b.raw("DELETE", fmt.Sprint("/components/", id), nil)
	b.apply(v, sample("catalog", "products"), target.Previous{})
	if n := len(b.snapshot().APIs); n != 1 {
		t.Errorf("%d APIs, want 1", n)
	}
}

// APIs that came after the list was read, of a component that is gone again: only doubt or the record hints at them.
func TestApplyLooksForLeftoversThatNoListShowed(t *testing.T) {
	for name, prior := range map[string]target.Previous{
		"in doubt":      {InDoubt: true},
		"with a record": {Ref: target.Ref{Registry: "self", Name: "catalog", ID: "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, refregistry.Config{})
			v := b.adapter()
			b.apply(v, sample("warm-up"), target.Previous{})
			c := sample("catalog", "products")
			gone := b.apply(b.adapter(), c, target.Previous{})
			b.raw("DELETE", "/components/"+gone.Ref.ID, nil)
			b.apply(v, c, prior)
			if n := len(b.snapshot().APIs); n != 1 {
				t.Errorf("%d APIs, want 1", n)
			}
		})
	}
}

func TestAPIsOfOthersAreNotTouchedWhenTheFilterDoesNotWork(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	c := sample("catalog", "products")
	first := b.apply(v, c, target.Previous{})
	b.apply(v, sample("other", "theirs"), target.Previous{})
	b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == "GET" && r.URL.Path == pathAPIs {
			query := r.URL.Query()
			query.Del("component_name")
			r.URL.RawQuery = query.Encode()
		}
		return nil
	})
	b.apply(v, c, recordOf(first))
	if _, err := v.Delete(t.Context(), keyOf(c), recordOf(first)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleShown("other", "theirs"), b.shown("self", "other")); diff != "" {
		t.Error(diff)
	}
}

// A registry whose list and answers disagree about its own entry must not make every apply read everything again.
func TestAnEntryThatNoListShowsIsBelievedOnce(t *testing.T) {
	b := newBench(t, refregistry.Config{})
	v := b.adapter()
	b.server.Load().SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == "GET" && r.URL.Path == pathRegistries {
			return &faults.Fault{Status: 200, Body: `[{"id":1,"name":"self","created_at":"another form"}]`}
		}
		return nil
	})
	b.rawRegistry("self")
	for i := range 5 {
		b.apply(v, sample(fmt.Sprint("c", i), "products"), target.Previous{})
	}
	if n := b.server.Load().Requests()["GET /labels/"]; n != 2 {
		t.Errorf("the labels were read %d times, want 2", n)
	}
}
