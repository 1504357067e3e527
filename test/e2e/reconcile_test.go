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

// many returns Components of a namespace with two APIs each.
func many(namespace string, count int) []*unstructured.Unstructured {
	objects := make([]*unstructured.Unstructured, count)
	for i := range objects {
		objects[i] = testenv.Component(namespace, fmt.Sprintf("item-%d", i), "1", "first", "second")
	}
	return objects
}

// createAll is Apply with many requests at a time.
func (l *place) createAll(objects []*unstructured.Unstructured) {
	l.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for _, object := range objects {
		group.Go(func() error { return shared.Apply(l.Context(), object) })
	}
	l.Must(group.Wait())
}

// reconciliation is what ctl reconcile -o json prints, as far as tests look at it.
type reconciliation struct {
	Desired, Entries, Missing, Different, Unsettled, Orphans, Repaired, Deleted, Unrepaired int
	Refused                                                                                 *struct{ ID string }
}

// reconcile runs ctl reconcile, which must end with that exit code.
func (l *place) reconcile(want int, flags string) (r reconciliation) {
	l.Helper()
	printed := l.MustCTL(want, strings.TrimSpace("reconcile -o json "+flags))
	l.Must(json.NewDecoder(strings.NewReader(printed)).Decode(&r))
	return r
}

// foreign puts entries into the registry that are not the lab's: another cluster's, another program's, a person's. It
// returns a function that fails the test unless they are as they were.
func (l *place) foreign(count int) (check func()) {
	l.Helper()
	labels := []int64{
		l.Registry.Send("POST", "/labels/", map[string]string{"key": "managed-by", "value": "odasync/elsewhere"}),
		l.Registry.Send("POST", "/labels/", map[string]string{"key": "managed-by", "value": "helm"}),
		l.Registry.Send("POST", "/labels/", map[string]string{"key": "note", "value": "by hand"}),
	}
	for i := range count {
		name, ids := fmt.Sprintf("foreign-%d", i), []int64{labels[i%len(labels)]}
		l.Registry.Send("POST", "/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": ids})
		l.Registry.Send("POST", "/exposed-apis/", map[string]any{
			"registry_name": "self", "component_name": name, "name": "api", "url": "http://foreign", "status": "ready", "label_ids": ids,
		})
	}
	read := func() string {
		var text strings.Builder
		for _, c := range l.Registry.Snapshot().Components {
			if strings.HasPrefix(c.Name, "foreign-") {
				fmt.Fprintln(&text, c)
			}
		}
		for _, a := range l.Registry.Snapshot().APIs {
			if strings.HasPrefix(a.Component, "foreign-") {
				fmt.Fprintln(&text, a)
			}
		}
		return text.String()
	}
	before := read()
	return func() {
		l.Helper()
		if after := read(); after != before {
			l.Errorf("foreign entries were\n%s\nand are\n%s", before, after)
		}
	}
}

// own leaves out of a content what foreign put there.
func own(c testenv.Content) testenv.Content {
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

// equalButForeign waits until the registry shows the cluster and foreign entries.
func (l *place) equalButForeign() {
	l.Helper()
	want := l.Mapping.Of(l.Objects())
	l.Eventually(testenv.Timeout, "registry equals cluster", func() error { return l.CheckContent(want, own(testenv.ContentOf(l.Registry.Snapshot()))) })
}

// TestReconcileOfAThousand shows what a cycle costs when nothing is wrong, that damage is mended with writes in proportion,
// and that an empty registry is filled from the stream alone.
func TestReconcileOfAThousand(t *testing.T) {
	const count = 1000
	l := newLab(t, "e2e-reconcile")
	l.Registry.Send("POST", "/registries/", map[string]string{"name": "self", "type": "self", "url": "http://localhost"})
	check := l.foreign(9)
	l.createAll(many("e2e-reconcile", count))
	watcher := l.Start(l.WatcherSpec("watcher", onDemand))
	l.AwaitReady(watcher)
	l.Registry.ResetRequests()
	began := time.Now()
	syncer := l.Start(l.SyncerSpec("syncer", onDemand))
	l.AwaitReady(syncer)
	l.AwaitAllAcked(2 * testenv.Timeout)
	first, firstCalls := time.Since(began), l.Registry.Calls()
	l.equalButForeign()

	t.Run("in sync", func(t *testing.T) {
		l.TB = t
		l.Registry.ResetRequests()
		l.MustCTL(0, "sync --all -o name")
		t.Logf("a full cycle of %d Components in sync: %v", count, l.Registry.Requests())
		if calls, writes := l.Registry.Calls(), l.Registry.Writes(); calls == 0 || calls > 10 || writes != 0 {
			t.Errorf("a full cycle of %d Components in sync sent %d requests, %d of them writes: want at most 10, and none: %v", count, calls, writes, l.Registry.Requests())
		}
	})
	t.Run("damaged", func(t *testing.T) {
		l.TB = t
		const spoilt = 50
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		kinds := l.damage(rand.New(rand.NewPCG(seed, 0)), spoilt)
		l.Registry.ResetRequests()
		r := l.reconcile(0, "")
		l.equalButForeign()
		t.Logf("mended %v with %d reads and %d writes: %+v", kinds, l.Registry.Calls()-l.Registry.Writes(), l.Registry.Writes(), r)
		if writes := l.Registry.Writes(); writes > 5*spoilt { // a whole entry with two APIs is 3
			t.Errorf("%d damaged entries took %d writes: %v", spoilt, writes, l.Registry.Requests())
		}
		if calls := l.Registry.Calls(); calls > 12*spoilt {
			t.Errorf("%d damaged entries took %d requests: %v", spoilt, calls, l.Registry.Requests())
		}
		check()
		l.Registry.ResetRequests()
		if again := l.reconcile(0, ""); again.Missing+again.Different+again.Unsettled+again.Orphans != 0 || l.Registry.Writes() != 0 {
			t.Errorf("the next cycle: %+v, %v", again, l.Registry.Requests())
		}
	})
	t.Run("wiped", func(t *testing.T) {
		l.TB = t
		want := l.Mapping.Of(l.Objects())
		l.Must(watcher.Stop()) // nobody reads the Kubernetes API any more
		l.Registry.Wipe()
		began := time.Now()
		r := l.reconcile(0, "")
		again, calls := time.Since(began), l.Registry.Calls()
		l.Must(l.CheckInSync(want))
		t.Logf("first sync: %d requests in %.2f s; rebuilt from the stream: %d requests in %.2f s", firstCalls, first.Seconds(), calls, again.Seconds())
		if r.Missing != count || r.Repaired != count {
			t.Errorf("reconciliation %+v", r)
		}
		// In requests, which do not depend on what else the machine does.
		if atMost := firstCalls * 12 / 10; calls > atMost {
			t.Errorf("rebuilt with %d requests, want at most %d, 1.2 times those of the first sync", calls, atMost)
		}
		l.AwaitReady(syncer)
	})
	l.TB = t
}

// damages are what somebody may do to an entry by hand.
var damages = []string{"deleted", "renamed", "labels", "API deleted", "API edited", "API doubled", "API stray", "stray entry"}

// damage spoils as many different entries, each in one way that is drawn, and says how often each way was.
func (l *place) damage(random *rand.Rand, count int) map[string]int {
	l.Helper()
	now := l.Registry.Snapshot()
	var stray []int64
	for _, label := range now.Labels {
		if label.Key == "managed-by" && label.Value == "odasync/lab" || label.Key == "namespace" {
			stray = append(stray, label.ID)
		}
	}
	note := l.Registry.Send("POST", "/labels/", map[string]string{"key": "stray", "value": "edited"})
	apis := map[string][]refregistry.API{}
	for _, a := range now.APIs {
		apis[a.Component] = append(apis[a.Component], a)
	}
	kinds := map[string]int{}
	mine := own(testenv.Content{Components: now.Components}).Components
	for n, i := range random.Perm(len(mine))[:count] {
		c := mine[i]
		component, one := fmt.Sprintf("/components/%d", c.ID), fmt.Sprintf("/exposed-apis/%d", apis[c.Name][0].ID)
		api := map[string]any{"registry_name": "self", "component_name": c.Name, "name": "first", "url": "http://stray", "status": "ready", "label_ids": []int64{note}}
		kind := damages[random.IntN(len(damages))]
		kinds[kind]++
		switch kind {
		case "deleted":
			l.Registry.Send("DELETE", component, nil)
		case "renamed":
			l.Registry.Send("PUT", component, map[string]any{"name": fmt.Sprintf("renamed-%d", n)})
		case "labels":
			l.Registry.Send("PUT", component, map[string]any{"label_ids": []int64{note}})
		case "API deleted":
			l.Registry.Send("DELETE", one, nil)
		case "API edited":
			l.Registry.Send("PUT", one, map[string]any{"url": "http://edited", "status": "ready"})
		case "API doubled":
			l.Registry.Send("POST", "/exposed-apis/", api)
		case "API stray":
			api["name"] = "stray"
			l.Registry.Send("POST", "/exposed-apis/", api)
		case "stray entry":
			name := fmt.Sprintf("stray-%d", n)
			l.Registry.Send("POST", "/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": stray})
			l.Registry.Send("POST", "/exposed-apis/", map[string]any{"registry_name": "self", "component_name": name, "name": "api", "url": "http://stray", "status": "ready", "label_ids": stray})
		}
	}
	return kinds
}

// TestDeletedWhileEverythingWasDown deletes 20 of 100 Components while no program runs, NATS included.
func TestDeletedWhileEverythingWasDown(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-all-down")
	watcher, syncer := l.StartPair()
	objects := many("e2e-all-down", 100)
	l.createAll(objects)
	l.AwaitInSync(testenv.Timeout)
	check := l.foreign(6)
	for _, p := range []*procs.Process{syncer, watcher, l.NATS[0]} {
		l.Must(p.Stop())
	}
	l.Delete(objects[10:30]...)
	l.equalAfterStart(func() {
		l.RestartNATS()
		watcher, syncer = l.Start(watcher.Spec), l.Start(syncer.Spec)
	})
	l.AwaitReady(watcher, syncer)
	check()
	if r := l.reconcile(0, ""); r.Orphans != 0 || r.Entries != 80 {
		t.Errorf("reconciliation %+v", r)
	}
	check()
}

// equalAfterStart starts what has to be started and waits for the registry, foreign entries apart.
func (l *place) equalAfterStart(start func()) {
	l.Helper()
	began := time.Now()
	start()
	l.equalButForeign()
	l.Logf("right %.1f s after the start", time.Since(began).Seconds())
}
