package canvas

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/testenv"
)

// TestTwoTargets feeds a v1 and a TMF639 registry from one stream at once. Both have all Components, and a repeat writes nothing.
func TestTwoTargets(t *testing.T) {
	const count = 500
	env := newEnv(t, refregistry.Config{}, "canvas-targets")
	env.create(count)
	env.watch()
	v1 := env.Start(env.SyncerSpec("v1", nil))
	tmf639 := env.feed(nil)
	env.AwaitReady(v1, tmf639)
	env.AwaitInSync(2 * time.Minute)
	env.AwaitDocuments(env.tmf639, 2*time.Minute)

	env.Registry.ResetRequests()
	env.tmf639.ResetRequests()
	for _, target := range []string{"default", "tmf639"} {
		printed := env.MustCTL(0, "reconcile --timeout 1m --target "+target)
		env.ExpectText(printed, "0 missing, 0 different")
		env.MustCTL(0, "sync --all --timeout 2m --target "+target)
		env.expectNoDeadLetters(target)
	}
	if writes := env.Registry.Writes(); writes != 0 {
		t.Errorf("a repeat sent %d writes to the v1 registry: %v", writes, env.Registry.Requests())
	}
	if writes := env.tmf639.Writes(); writes != 0 {
		t.Errorf("a repeat sent %d writes to the TMF639 registry: %v", writes, env.tmf639.Requests())
	}
	env.Must(env.CheckDocuments(env.tmf639))
	printed := env.MustCTL(0, "list -n canvas-targets -o name --target tmf639")
	testcheck.Equal(t, "components printed by ctl list", count, strings.Count(printed, "canvas-targets/"))
}

// TestFirstSync_RequestCounts counts the requests of the first sync of 1000 Components with two APIs, and those of a reconcile.
func TestFirstSync_RequestCounts(t *testing.T) {
	const count = 1000
	env := newEnv(t, refregistry.Config{}, "canvas-counts")
	env.create(count)
	env.watch()
	began := time.Now()
	env.AwaitReady(env.feed(map[string]string{"SYNC_INTERVAL": "0"}))
	env.AwaitDocuments(env.tmf639, time.Minute)
	requests := env.tmf639.Requests()
	t.Logf("first sync of %d Components with 2 APIs: %v in %.1f s", count, requests, time.Since(began).Seconds())
	writes, reads := 0, 0
	for name, number := range requests {
		switch {
		case !strings.HasPrefix(name, "GET "):
			writes += number
		case name != "GET /health":
			reads += number
		}
	}
	if writes != 3*count || reads > 10 {
		t.Errorf("%d writes and %d reads, want %d and at most 10", writes, reads, 3*count)
	}

	env.tmf639.ResetRequests()
	env.MustCTL(0, "reconcile --timeout 1m --target tmf639")
	if calls, writes := env.tmf639.Calls(), env.tmf639.Writes(); calls > 10 || writes != 0 {
		t.Errorf("a reconcile in sync sent %d requests, %d of them writes: %v", calls, writes, env.tmf639.Requests())
	}
	env.Must(shared.Apply(t.Context(), testenv.Component("canvas-counts", "component-00000", "2.0.0", "first", "second")))
	env.AwaitDocuments(env.tmf639, testenv.Timeout)
	if writes := env.tmf639.Writes(); writes != 1 {
		t.Errorf("a change of the version took %d writes: %v", writes, env.tmf639.Requests())
	}
}
