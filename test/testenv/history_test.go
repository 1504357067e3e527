package testenv

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
)

// TestExamine_FindsAnomalies causes each anomaly by hand.
func TestExamine_FindsAnomalies(t *testing.T) {
	t.Parallel()
	registry := NewRegistry(t)
	send := registry.Send
	version := func(number string) int64 {
		return send(http.MethodPost, "/labels/", map[string]any{"key": versionLabel, "value": number})
	}
	expect := func(when string, want [5]int) {
		t.Helper()
		f, err := Examine(registry.Server)
		testcheck.NoError(t, err)
		have := [5]int{len(f.Overlaps), len(f.Stale), len(f.StaleNow), len(f.CreatedTwice), len(f.Duplicates)}
		if have != want {
			t.Errorf("%s: overlaps, stale, stale now, created twice, duplicates: %v, want %v: %+v", when, have, want, f)
		}
	}

	if _, err := Examine(registry.Server); err == nil {
		t.Error("no error for an empty history")
	}
	one, two := version("1"), version("2")
	send(http.MethodPost, "/registries/", map[string]any{"name": "self", "type": "self", "url": "http://localhost"})
	id := send(http.MethodPost, "/components/", map[string]any{"registry_name": "self", "name": "a", "label_ids": []int64{two}})
	component := fmt.Sprintf("/components/%d", id)
	api := map[string]any{"registry_name": "self", "component_name": "a", "name": "x", "url": "http://x", "status": "ready", "label_ids": []int64{two}}
	send(http.MethodPost, "/exposed-apis/", api)
	expect("no anomaly", [5]int{})

	send(http.MethodPut, component, map[string]any{"label_ids": []int64{one}})
	expect("an older version was written", [5]int{0, 1, 1, 0, 0})
	send(http.MethodPut, component, map[string]any{"label_ids": []int64{two}})
	expect("it was repaired", [5]int{0, 1, 0, 0, 0})

	again := send(http.MethodPost, "/exposed-apis/", api)
	expect("an API was created twice", [5]int{0, 1, 0, 1, 1})
	send(http.MethodDelete, fmt.Sprintf("/exposed-apis/%d", again), nil)
	expect("the second one was deleted", [5]int{0, 1, 0, 1, 0})

	registry.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Delay: 200 * time.Millisecond} })
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { send(http.MethodPut, component, map[string]any{"label_ids": []int64{two}}) })
	}
	both.Wait()
	expect("two concurrent writes", [5]int{1, 1, 0, 1, 0})
}
