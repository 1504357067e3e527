package testenv

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/cluster"
)

// Workload creates, changes and deletes Components at random. Its writes follow one another, and each has a higher version than
// all writes before.
type Workload struct {
	// Created, Changed and Deleted count the confirmed writes.
	Created, Changed, Deleted int

	on      *cluster.Cluster
	random  *rand.Rand
	version int
	members []*member
}

// member is one Component; object is nil while it does not exist. After an error the effect of the write is unknown: the
// object is read before the next write.
type member struct {
	namespace, name string
	object          *unstructured.Unstructured
	unknown         bool
}

// hotMembers is the number of members that get half of the writes.
const hotMembers = 10

// NewWorkload returns a workload of Components that do not exist yet.
func NewWorkload(on *cluster.Cluster, random *rand.Rand, namespaces []string, size int) *Workload {
	w := &Workload{on: on, random: random}
	for i := range size {
		w.members = append(w.members, &member{namespace: namespaces[i%len(namespaces)], name: fmt.Sprintf("workload-%d.x", i)})
	}
	return w
}

// Step writes one Component, half of the time one of a few hot ones. The workload can continue after an error.
func (w *Workload) Step(ctx context.Context) error {
	a := w.members[w.random.IntN(len(w.members))]
	if w.chance(2) {
		a = w.members[w.random.IntN(hotMembers)]
	}
	if err := w.change(ctx, a); err != nil {
		a.unknown = true
		return fmt.Errorf("write %s/%s: %w", a.namespace, a.name, err)
	}
	return nil
}

func (w *Workload) change(ctx context.Context, a *member) (err error) {
	target := w.on.Components(a.namespace)
	if a.unknown {
		a.object, err = target.Get(ctx, a.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			a.object, err = nil, nil
		}
		if err != nil {
			return err
		}
		a.unknown = false
	}
	var next *unstructured.Unstructured
	var done *int
	switch dice := w.random.IntN(10); {
	case a.object == nil:
		done = &w.Created
		next, err = target.Create(ctx, w.draw(a), metav1.CreateOptions{})
	case dice < 2:
		done = &w.Deleted
		err = target.Delete(ctx, a.name, metav1.DeleteOptions{})
	case dice < 3: // no change that a registry shows
		done = new(int)
		noisy := a.object.DeepCopy()
		noisy.SetAnnotations(map[string]string{"e2e.example.org/noise": strconv.Itoa(w.random.Int())})
		next, err = target.Update(ctx, noisy, metav1.UpdateOptions{})
	default:
		done = &w.Changed
		drawn := w.draw(a)
		drawn.SetResourceVersion(a.object.GetResourceVersion())
		next, err = target.Update(ctx, drawn, metav1.UpdateOptions{})
	}
	if err != nil {
		return err
	}
	*done++
	a.object = next
	return nil
}

// draw chooses a Component's next state.
func (w *Workload) draw(a *member) *unstructured.Unstructured {
	w.version++
	object := Component(a.namespace, a.name, strconv.Itoa(w.version))
	labels := object.GetLabels()
	for _, key := range []string{"team", "domain", "version", "oda.tmforum.org/release", "app.kubernetes.io/name"} {
		if w.chance(2) {
			labels[key] = w.pick("red", "green", "blue")
		}
	}
	object.SetLabels(labels)
	about := object.Object["spec"].(map[string]any)["componentMetadata"].(map[string]any)
	var people []any
	for i := range w.random.IntN(5) {
		people = append(people, map[string]any{"name": w.pick("Ada Example", "Ben Sample", "Carla Demo"), "email": fmt.Sprintf("m%d@example.org", i)})
	}
	about["maintainers"] = people

	var entries, states []any
	for _, name := range []string{"catalog", "Order", "party", "usage"} {
		if w.chance(2) {
			entry, state := w.api(a, name)
			entries, states = append(entries, entry), append(states, state...)
		}
	}
	object.Object["spec"].(map[string]any)["coreFunction"] = map[string]any{"exposedAPIs": entries}
	object.Object["status"] = map[string]any{
		"summary/status": map[string]any{"deployment_status": w.pick("Complete", "In-Progress-CompCon", "Failed")},
		"coreAPIs":       states,
	}
	return object
}

// api chooses an exposed API in one or two versions, with or without an address in the cluster and a status.
func (w *Workload) api(a *member, name string) (entry map[string]any, states []any) {
	entry = map[string]any{"name": name, "apiType": "openapi", "path": "/" + name, "port": int64(8080)}
	if w.chance(4) {
		entry["implementation"] = a.name + "-" + w.pick("blue", "green")
	}
	versions := [][]string{{}, {"v4"}, {"v5"}, {"v4", "v5"}}[w.random.IntN(4)]
	var specifications []any
	objects := map[string]bool{}
	for _, version := range versions {
		specifications = append(specifications, map[string]any{
			"url": fmt.Sprintf("https://specs.example.org/%s-%s.0.%d.json", name, version, w.random.IntN(3)), "version": version + ".0.0",
		})
		objects[fmt.Sprintf("%s-%s-%s", a.name, name, version)] = true
	}
	entry["specification"] = specifications
	if len(versions) < 2 {
		objects = map[string]bool{fmt.Sprintf("%s-%s", a.name, name): true}
	}
	for _, object := range slices.Sorted(maps.Keys(objects)) { // in a fixed order, so that a seed repeats a run
		if w.chance(3) {
			states = append(states, map[string]any{
				"name": object, "ready": w.chance(2), "url": fmt.Sprintf("https://oda.example.org/%s/%d", object, w.random.IntN(3)),
			})
		}
	}
	return entry, states
}

// chance is true in all but one of n cases.
func (w *Workload) chance(n int) bool { return w.random.IntN(n) > 0 }

func (w *Workload) pick(texts ...string) string { return texts[w.random.IntN(len(texts))] }
