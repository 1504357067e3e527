package cache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"odasync/internal/registry/cache"
	"odasync/internal/testcheck"
)

func TestCache_RefreshSharesOneReadingAndStartsAnother(t *testing.T) {
	var clock atomic.Uint64
	cached := cache.New[string, int64]("rows", &clock, new(cache.Flights))
	const reading, key, written = "reading", "key", "written meanwhile"
	begun, proceed := make(chan int64), make(chan struct{})
	var readings atomic.Int64
	read := func() (map[string]int64, bool, error) {
		n := readings.Add(1)
		begun <- n
		<-proceed
		return map[string]int64{reading: n, key: n}, true, nil
	}
	done := make(chan error)
	refresh := func(after uint64) { go func() { done <- cached.Refresh(t.Context(), after, read) }() }
	wantID := func(key string, want int64) {
		t.Helper()
		if got, _ := cached.Get(key); got != want {
			t.Errorf("id = %d, want %d", got, want)
		}
	}

	refresh(clock.Load())
	<-begun
	refresh(0)            // accepts the reading in progress
	refresh(clock.Load()) // came after it began, and so needs another
	cached.Put(written, 7)
	proceed <- struct{}{}
	testcheck.MustEqual(t, "reading", 2, <-begun)
	for range 2 {
		testcheck.NoError(t, <-done)
	}
	wantID(reading, 1)
	wantID(written, 7)
	cached.Drop(key, 1)
	proceed <- struct{}{}
	testcheck.NoError(t, <-done)
	wantID(reading, 2)
	wantID(key, 2) // the dropped one was another
	if _, kept := cached.Get(written); kept {
		t.Error("a row that the registry lacks is still cached")
	}
}

func TestCache_FailedReadingKeepsTheRows(t *testing.T) {
	var clock atomic.Uint64
	cached, failure := cache.New[string, int64]("rows", &clock, new(cache.Flights)), errors.New("failure")
	read := func(rows map[string]int64, err error) error {
		return cached.Refresh(t.Context(), clock.Load(), func() (map[string]int64, bool, error) { return rows, true, err })
	}
	cached.Put("before the first reading", 1) // nothing to keep right
	if err := read(map[string]int64{"a": 1}, nil); err != nil {
		t.Error(err)
	}
	testcheck.ErrorIs(t, "error of a failed read", failure, read(nil, failure))
	testcheck.Equal(t, "values after a failed read", map[string]int64{"a": 1}, cached.All())
	cached.Clear(clock.Load() - 2)
	if !cached.View(0, func(rows map[string]int64) { delete(rows, "a") }) {
		t.Error("an older time has cleared the rows")
	}
	cached.Clear(clock.Load())
	if cached.NewerThan(0) || cached.View(0, func(map[string]int64) { t.Error("there are rows to view") }) {
		t.Error("the rows are still there")
	}
}

func TestFlights_End(t *testing.T) {
	begin := func(ctx context.Context, f *cache.Flights, work func() error) (ended chan error) {
		begun, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- f.Do(ctx, "k", func() error { close(begun); return work() }) }()
		<-begun
		return ended
	}
	t.Run("when a waiting caller's context ends", func(t *testing.T) {
		var f cache.Flights
		proceed := make(chan struct{})
		first := begin(t.Context(), &f, func() error { <-proceed; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- f.Do(ctx, "k", func() error { t.Error("ran"); return nil }) }()
		cancel()
		testcheck.ErrorIs(t, "error of the one that waits", context.Canceled, <-waiting)
		close(proceed)
		testcheck.NoError(t, <-first)
	})
	t.Run("when the working caller's context ends", func(t *testing.T) {
		var f cache.Flights
		ctx, cancel := context.WithCancel(t.Context())
		proceed, over := make(chan struct{}), false
		first := begin(ctx, &f, func() error { <-proceed; over = true; return ctx.Err() })
		second := make(chan error, 1)
		go func() { second <- f.Do(t.Context(), "k", func() error { return nil }) }()
		cancel()
		close(proceed)
		if err := <-first; !errors.Is(err, context.Canceled) || !over {
			t.Errorf("error = %v, the work had ended: %v", err, over)
		}
		testcheck.ErrorIs(t, "the waiting caller", nil, <-second)
	})
}
