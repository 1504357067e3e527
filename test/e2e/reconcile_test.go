package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// onDemand leaves only the first full sync and reconcile, and those by command.
var onDemand = map[string]string{"SYNC_INTERVAL": "1h"}

// reconciliation is the part of ctl reconcile -o json that tests check.
type reconciliation struct {
	Desired, Entries, Missing, Different, Unacknowledged, Orphans, Repaired, Deleted, Unrepaired int
}

// reconcile runs ctl reconcile, which must succeed.
func (env *environment) reconcile() (r reconciliation) {
	env.Helper()
	printed := env.MustCTL(0, "reconcile -o json")
	env.Must(json.NewDecoder(strings.NewReader(printed)).Decode(&r))
	return r
}

// addForeignEntries creates entries in the registry that belong to another cluster, to another program or to a person. It returns a
// function that fails the test unless they are unchanged.
func (env *environment) addForeignEntries(count int) (check func()) {
	env.Helper()
	labels := []int64{
		env.Registry.Send("POST", "/labels/", map[string]string{"key": "managed-by", "value": "odasync/elsewhere"}),
		env.Registry.Send("POST", "/labels/", map[string]string{"key": "managed-by", "value": "helm"}),
		env.Registry.Send("POST", "/labels/", map[string]string{"key": "note", "value": "by hand"}),
	}
	for i := range count {
		name, ids := fmt.Sprintf("foreign-%d", i), []int64{labels[i%len(labels)]}
		env.Registry.Send("POST", "/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": ids})
		env.Registry.Send("POST", "/exposed-apis/", map[string]any{
			"registry_name": "self", "component_name": name, "name": "api", "url": "http://foreign", "status": "ready", "label_ids": ids,
		})
	}
	read := func() string {
		var text strings.Builder
		for _, c := range env.Registry.Snapshot().Components {
			if strings.HasPrefix(c.Name, "foreign-") {
				fmt.Fprintln(&text, c)
			}
		}
		for _, a := range env.Registry.Snapshot().APIs {
			if strings.HasPrefix(a.Component, "foreign-") {
				fmt.Fprintln(&text, a)
			}
		}
		return text.String()
	}
	before := read()
	return func() {
		env.Helper()
		testcheck.Equal(env, "foreign entries", before, read())
	}
}

// withoutForeign returns the content without foreign entries.
func withoutForeign(c testenv.Content) testenv.Content {
	var own testenv.Content
	for _, one := range c.Components {
		if !strings.HasPrefix(one.Name, "foreign-") {
			own.Components = append(own.Components, one)
		}
	}
	for _, one := range c.APIs {
		if !strings.HasPrefix(one.Component, "foreign-") {
			own.APIs = append(own.APIs, one)
		}
	}
	return own
}

// awaitInSyncBesideForeign waits until the registry has the cluster's and foreign entries.
func (env *environment) awaitInSyncBesideForeign() {
	env.Helper()
	want := env.Mapping.Of(env.Objects())
	env.Eventually(testenv.Timeout, "registry equals cluster", func() error {
		return env.CheckContent(want, withoutForeign(testenv.ContentOf(env.Registry.Snapshot())))
	})
}

// TestReconcile_ThousandComponents checks the cost of a cycle without drift, that repairs need writes in proportion to the drift, and that
// an empty registry is filled from the stream alone.
func TestReconcile_ThousandComponents(t *testing.T) {
	const count = 1000
	env := newEnv(t, "e2e-reconcile")
	env.Registry.Send("POST", "/registries/", map[string]string{"name": "self", "type": "self", "url": "http://localhost"})
	check := env.addForeignEntries(9)
	env.applyAll(components("e2e-reconcile", count))
	watcher := env.Start(env.WatcherSpec("watcher", onDemand))
	env.AwaitReady(watcher)
	env.Registry.ResetRequests()
	began := time.Now()
	syncer := env.Start(env.SyncerSpec("syncer", onDemand))
	env.AwaitReady(syncer)
	env.AwaitAllAcked(2 * testenv.Timeout)
	first, firstCalls := time.Since(began), env.Registry.Calls()
	env.awaitInSyncBesideForeign()

	t.Run("when in sync", func(t *testing.T) {
		env.TB = t
		env.Registry.ResetRequests()
		env.MustCTL(0, "sync --all")
		t.Logf("a full cycle of %d Components in sync: %v", count, env.Registry.Requests())
		if calls, writes := env.Registry.Calls(), env.Registry.Writes(); calls == 0 || calls > 10 || writes != 0 {
			t.Errorf("a full cycle of %d Components in sync sent %d requests, %d of them writes: want at most 10, and none: %v", count, calls, writes, env.Registry.Requests())
		}
	})
	t.Run("when entries have drifted", func(t *testing.T) {
		env.TB = t
		const drifted = 50
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		kinds := env.introduceDrift(rand.New(rand.NewPCG(seed, 0)), drifted)
		env.Registry.ResetRequests()
		r := env.reconcile()
		env.awaitInSyncBesideForeign()
		t.Logf("repaired %v with %d reads and %d writes: %+v", kinds, env.Registry.Calls()-env.Registry.Writes(), env.Registry.Writes(), r)
		if writes := env.Registry.Writes(); writes > 5*drifted { // a whole entry with two APIs is 3
			t.Errorf("%d drifted entries took %d writes: %v", drifted, writes, env.Registry.Requests())
		}
		if calls := env.Registry.Calls(); calls > 12*drifted {
			t.Errorf("%d drifted entries took %d requests: %v", drifted, calls, env.Registry.Requests())
		}
		check()
		env.Registry.ResetRequests()
		if again := env.reconcile(); again.Missing+again.Different+again.Unacknowledged+again.Orphans != 0 || env.Registry.Writes() != 0 {
			t.Errorf("the next cycle: %+v, %v", again, env.Registry.Requests())
		}
	})
	t.Run("when wiped", func(t *testing.T) {
		env.TB = t
		want := env.Mapping.Of(env.Objects())
		env.Must(watcher.Stop()) // the Kubernetes API is not read any more
		env.Registry.Wipe()
		began := time.Now()
		r := env.reconcile()
		again, calls := time.Since(began), env.Registry.Calls()
		env.Must(env.CheckInSync(want))
		t.Logf("first sync: %d requests in %.2f s; rebuilt from the stream: %d requests in %.2f s", firstCalls, first.Seconds(), calls, again.Seconds())
		if r.Missing != count || r.Repaired != count {
			t.Errorf("reconciliation %+v", r)
		}
		// Requests do not depend on the load of the machine.
		if atMost := firstCalls * 12 / 10; calls > atMost {
			t.Errorf("rebuilt with %d requests, want at most %d, 1.2 times those of the first sync", calls, atMost)
		}
		env.AwaitReady(syncer)
	})
	env.TB = t
}

// driftKinds are possible changes of an entry by hand.
var driftKinds = []string{"deleted", "renamed", "labels", "API deleted", "API edited", "API duplicated", "API added", "entry added"}

// introduceDrift changes as many entries, each in a random way, and returns the number of changes by kind.
func (env *environment) introduceDrift(random *rand.Rand, count int) map[string]int {
	env.Helper()
	now := env.Registry.Snapshot()
	var owned []int64
	for _, label := range now.Labels {
		if label.Key == "managed-by" && label.Value == "odasync/lab" || label.Key == "namespace" {
			owned = append(owned, label.ID)
		}
	}
	note := env.Registry.Send("POST", "/labels/", map[string]string{"key": "note", "value": "edited"})
	apis := map[string][]refregistry.API{}
	for _, a := range now.APIs {
		apis[a.Component] = append(apis[a.Component], a)
	}
	kinds := map[string]int{}
	entries := withoutForeign(testenv.Content{Components: now.Components}).Components
	for n, i := range random.Perm(len(entries))[:count] {
		c := entries[i]
		component, one := fmt.Sprintf("/components/%d", c.ID), fmt.Sprintf("/exposed-apis/%d", apis[c.Name][0].ID)
		api := map[string]any{"registry_name": "self", "component_name": c.Name, "name": "first", "url": "http://added", "status": "ready", "label_ids": []int64{note}}
		kind := driftKinds[random.IntN(len(driftKinds))]
		kinds[kind]++
		switch kind {
		case "deleted":
			env.Registry.Send("DELETE", component, nil)
		case "renamed":
			env.Registry.Send("PUT", component, map[string]any{"name": fmt.Sprintf("renamed-%d", n)})
		case "labels":
			env.Registry.Send("PUT", component, map[string]any{"label_ids": []int64{note}})
		case "API deleted":
			env.Registry.Send("DELETE", one, nil)
		case "API edited":
			env.Registry.Send("PUT", one, map[string]any{"url": "http://edited", "status": "ready"})
		case "API duplicated":
			env.Registry.Send("POST", "/exposed-apis/", api)
		case "API added":
			api["name"] = "added"
			env.Registry.Send("POST", "/exposed-apis/", api)
		case "entry added":
			name := fmt.Sprintf("added-%d", n)
			env.Registry.Send("POST", "/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": owned})
			env.Registry.Send("POST", "/exposed-apis/", map[string]any{"registry_name": "self", "component_name": name, "name": "api", "url": "http://added", "status": "ready", "label_ids": owned})
		}
	}
	return kinds
}

// TestRestart_DeletionsDuringFullDowntime deletes 20 of 100 Components while no program runs, including NATS.
func TestRestart_DeletionsDuringFullDowntime(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-all-down")
	objects := components("e2e-all-down", 100)
	env.applyAll(objects)
	env.AwaitInSync(testenv.Timeout)
	check := env.addForeignEntries(6)
	for _, p := range []*procs.Process{syncer, watcher, env.NATS[0]} {
		env.Must(p.Stop())
	}
	env.Delete(objects[10:30]...)
	began := time.Now()
	env.RestartNATS()
	watcher, syncer = env.Start(watcher.Spec), env.Start(syncer.Spec)
	env.awaitInSyncBesideForeign()
	t.Logf("in sync %.1f s after the start", time.Since(began).Seconds())
	env.AwaitReady(watcher, syncer)
	check()
	if r := env.reconcile(); r.Orphans != 0 || r.Entries != 80 {
		t.Errorf("reconciliation %+v", r)
	}
	check()
}
