package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/refregistry"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// onDemand leaves out the full syncs and reconciles that come by themselves, after the first.
var onDemand = map[string]string{"SYNC_INTERVAL": "1h"}

// components returns Components of a namespace with two APIs each.
func components(namespace string, count int) []*unstructured.Unstructured {
	objects := make([]*unstructured.Unstructured, count)
	for i := range objects {
		objects[i] = testenv.Component(namespace, fmt.Sprintf("item-%d", i), "1", "first", "second")
	}
	return objects
}

// applyAll is Apply with many requests at a time.
func (env *environment) applyAll(objects []*unstructured.Unstructured) {
	env.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for _, object := range objects {
		group.Go(func() error { return shared.Apply(env.Context(), object) })
	}
	env.Must(group.Wait())
}

// reconciliation is what ctl reconcile -o json prints, as far as tests look at it.
type reconciliation struct {
	Desired, Entries, Missing, Different, Unsettled, Orphans, Repaired, Deleted, Unrepaired int
	Refused                                                                                 *struct{ ID string }
}

// reconcile runs ctl reconcile, which must end with that exit code.
func (env *environment) reconcile(want int, flags string) (r reconciliation) {
	env.Helper()
	printed := env.MustCTL(want, strings.TrimSpace("reconcile -o json "+flags))
	env.Must(json.NewDecoder(strings.NewReader(printed)).Decode(&r))
	return r
}

// addForeignEntries puts entries into the registry that are not the lab's: another cluster's, another program's, a person's. It
// returns a function that fails the test unless they are as they were.
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
		if after := read(); after != before {
			env.Errorf("foreign entries were\n%s\nand are\n%s", before, after)
		}
	}
}

// withoutForeign leaves out of a content what foreign put there.
func withoutForeign(c testenv.Content) testenv.Content {
	var mine testenv.Content
	for _, one := range c.Components {
		if !strings.HasPrefix(one.Name, "foreign-") {
			mine.Components = append(mine.Components, one)
		}
	}
	for _, one := range c.APIs {
		if !strings.HasPrefix(one.Component, "foreign-") {
			mine.APIs = append(mine.APIs, one)
		}
	}
	return mine
}

// awaitInSyncBesideForeign waits until the registry shows the cluster and foreign entries.
func (env *environment) awaitInSyncBesideForeign() {
	env.Helper()
	want := env.Mapping.Of(env.Objects())
	env.Eventually(testenv.Timeout, "registry equals cluster", func() error {
		return env.CheckContent(want, withoutForeign(testenv.ContentOf(env.Registry.Snapshot())))
	})
}

// TestReconcile_ThousandComponents shows what a cycle costs when nothing is wrong, that damage is mended with writes in proportion,
// and that an empty registry is filled from the stream alone.
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

	t.Run("in sync", func(t *testing.T) {
		env.TB = t
		env.Registry.ResetRequests()
		env.MustCTL(0, "sync --all -o name")
		t.Logf("a full cycle of %d Components in sync: %v", count, env.Registry.Requests())
		if calls, writes := env.Registry.Calls(), env.Registry.Writes(); calls == 0 || calls > 10 || writes != 0 {
			t.Errorf("a full cycle of %d Components in sync sent %d requests, %d of them writes: want at most 10, and none: %v", count, calls, writes, env.Registry.Requests())
		}
	})
	t.Run("damaged", func(t *testing.T) {
		env.TB = t
		const spoilt = 50
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		kinds := env.introduceDrift(rand.New(rand.NewPCG(seed, 0)), spoilt)
		env.Registry.ResetRequests()
		r := env.reconcile(0, "")
		env.awaitInSyncBesideForeign()
		t.Logf("mended %v with %d reads and %d writes: %+v", kinds, env.Registry.Calls()-env.Registry.Writes(), env.Registry.Writes(), r)
		if writes := env.Registry.Writes(); writes > 5*spoilt { // a whole entry with two APIs is 3
			t.Errorf("%d damaged entries took %d writes: %v", spoilt, writes, env.Registry.Requests())
		}
		if calls := env.Registry.Calls(); calls > 12*spoilt {
			t.Errorf("%d damaged entries took %d requests: %v", spoilt, calls, env.Registry.Requests())
		}
		check()
		env.Registry.ResetRequests()
		if again := env.reconcile(0, ""); again.Missing+again.Different+again.Unsettled+again.Orphans != 0 || env.Registry.Writes() != 0 {
			t.Errorf("the next cycle: %+v, %v", again, env.Registry.Requests())
		}
	})
	t.Run("wiped", func(t *testing.T) {
		env.TB = t
		want := env.Mapping.Of(env.Objects())
		env.Must(watcher.Stop()) // nobody reads the Kubernetes API any more
		env.Registry.Wipe()
		began := time.Now()
		r := env.reconcile(0, "")
		again, calls := time.Since(began), env.Registry.Calls()
		env.Must(env.CheckInSync(want))
		t.Logf("first sync: %d requests in %.2f s; rebuilt from the stream: %d requests in %.2f s", firstCalls, first.Seconds(), calls, again.Seconds())
		if r.Missing != count || r.Repaired != count {
			t.Errorf("reconciliation %+v", r)
		}
		// In requests, which do not depend on what else the machine does.
		if atMost := firstCalls * 12 / 10; calls > atMost {
			t.Errorf("rebuilt with %d requests, want at most %d, 1.2 times those of the first sync", calls, atMost)
		}
		env.AwaitReady(syncer)
	})
	env.TB = t
}

// driftKinds are what somebody may do to an entry by hand.
var driftKinds = []string{"deleted", "renamed", "labels", "API deleted", "API edited", "API doubled", "API stray", "stray entry"}

// introduceDrift spoils as many different entries, each in one way that is drawn, and says how often each way was.
func (env *environment) introduceDrift(random *rand.Rand, count int) map[string]int {
	env.Helper()
	now := env.Registry.Snapshot()
	var stray []int64
	for _, label := range now.Labels {
		if label.Key == "managed-by" && label.Value == "odasync/lab" || label.Key == "namespace" {
			stray = append(stray, label.ID)
		}
	}
	note := env.Registry.Send("POST", "/labels/", map[string]string{"key": "stray", "value": "edited"})
	apis := map[string][]refregistry.API{}
	for _, a := range now.APIs {
		apis[a.Component] = append(apis[a.Component], a)
	}
	kinds := map[string]int{}
	mine := withoutForeign(testenv.Content{Components: now.Components}).Components
	for n, i := range random.Perm(len(mine))[:count] {
		c := mine[i]
		component, one := fmt.Sprintf("/components/%d", c.ID), fmt.Sprintf("/exposed-apis/%d", apis[c.Name][0].ID)
		api := map[string]any{"registry_name": "self", "component_name": c.Name, "name": "first", "url": "http://stray", "status": "ready", "label_ids": []int64{note}}
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
		case "API doubled":
			env.Registry.Send("POST", "/exposed-apis/", api)
		case "API stray":
			api["name"] = "stray"
			env.Registry.Send("POST", "/exposed-apis/", api)
		case "stray entry":
			name := fmt.Sprintf("stray-%d", n)
			env.Registry.Send("POST", "/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": stray})
			env.Registry.Send("POST", "/exposed-apis/", map[string]any{"registry_name": "self", "component_name": name, "name": "api", "url": "http://stray", "status": "ready", "label_ids": stray})
		}
	}
	return kinds
}

// TestRestart_DeletionsDuringFullDowntime deletes 20 of 100 Components while no program runs, NATS included.
func TestRestart_DeletionsDuringFullDowntime(t *testing.T) {
	t.Parallel()
	env := newEnv(t, "e2e-all-down")
	watcher, syncer := env.StartPair()
	objects := components("e2e-all-down", 100)
	env.applyAll(objects)
	env.AwaitInSync(testenv.Timeout)
	check := env.addForeignEntries(6)
	for _, p := range []*procs.Process{syncer, watcher, env.NATS[0]} {
		env.Must(p.Stop())
	}
	env.Delete(objects[10:30]...)
	env.equalAfterStart(func() {
		env.RestartNATS()
		watcher, syncer = env.Start(watcher.Spec), env.Start(syncer.Spec)
	})
	env.AwaitReady(watcher, syncer)
	check()
	if r := env.reconcile(0, ""); r.Orphans != 0 || r.Entries != 80 {
		t.Errorf("reconciliation %+v", r)
	}
	check()
}

// equalAfterStart starts what has to be started and waits for the registry, foreign entries apart.
func (env *environment) equalAfterStart(start func()) {
	env.Helper()
	began := time.Now()
	start()
	env.awaitInSyncBesideForeign()
	env.Logf("right %.1f s after the start", time.Since(began).Seconds())
}
