package testenv

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
)

// TestExamine does to a registry by hand what must not happen, and sees that it is found.
func TestExamine(t *testing.T) {
	t.Parallel()
	registry := NewRegistry(t)
	send := registry.Send
	version := func(number string) int64 {
		return send(http.MethodPost, "/labels/", map[string]any{"key": versionLabel, "value": number})
	}
	expect := func(when string, want [5]int) {
		t.Helper()
		f, err := Examine(registry.Server)
		if err != nil {
			t.Fatal(err)
		}
		have := [5]int{len(f.Overlaps), len(f.Stale), len(f.StaleNow), len(f.CreatedTwice), len(f.Duplicates)}
		if have != want {
			t.Errorf("%s: overlaps, stale, lasting, doubled, duplicates: %v, want %v: %+v", when, have, want, f)
		}
	}

	if _, err := Examine(registry.Server); err == nil {
		t.Error("an empty history passes for a good one")
	}
	one, two := version("1"), version("2")
	send(http.MethodPost, "/registries/", map[string]any{"name": "self", "type": "self", "url": "http://localhost"})
	id := send(http.MethodPost, "/components/", map[string]any{"registry_name": "self", "name": "a", "label_ids": []int64{two}})
	component := fmt.Sprintf("/components/%d", id)
	api := map[string]any{"registry_name": "self", "component_name": "a", "name": "x", "url": "http://x", "status": "ready", "label_ids": []int64{two}}
	send(http.MethodPost, "/exposed-apis/", api)
	expect("all is well", [5]int{})

	send(http.MethodPut, component, map[string]any{"label_ids": []int64{one}})
	expect("an older version was written", [5]int{0, 1, 1, 0, 0})
	send(http.MethodPut, component, map[string]any{"label_ids": []int64{two}})
	expect("it was mended", [5]int{0, 1, 0, 0, 0})

	again := send(http.MethodPost, "/exposed-apis/", api)
	expect("an API was created twice", [5]int{0, 1, 0, 1, 1})
	send(http.MethodDelete, fmt.Sprintf("/exposed-apis/%d", again), nil)
	expect("it was mended", [5]int{0, 1, 0, 1, 0})

	registry.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Delay: 200 * time.Millisecond} })
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { send(http.MethodPut, component, map[string]any{"label_ids": []int64{two}}) })
	}
	both.Wait()
	expect("two writes at the same time", [5]int{1, 1, 0, 1, 0})
}
