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

// Zoo is a set of Components that live and die at random. Its writes follow each other, and each carries a version
// number above all before it.
type Workload struct {
	// Created, Changed and Deleted count what the API server confirmed.
	Created, Changed, Deleted int

	on      *cluster.Cluster
	random  *rand.Rand
	version int
	members []*member
}

// animal is one Component; object is nil while it does not exist. After an error nobody knows whether the write took
// effect: it is looked at before the next one.
type member struct {
	namespace, name string
	object          *unstructured.Unstructured
	unknown         bool
}

// busy is how many animals get half of the attention.
const hotMembers = 10

// NewZoo returns a zoo of Components that do not exist yet.
func NewWorkload(on *cluster.Cluster, random *rand.Rand, namespaces []string, size int) *Workload {
	z := &Workload{on: on, random: random}
	for i := range size {
		z.members = append(z.members, &member{namespace: namespaces[i%len(namespaces)], name: fmt.Sprintf("zoo-%d.x", i)})
	}
	return z
}

// Act does one thing to one Component; half of the time to one of a busy few. After an error the zoo can go on.
func (z *Workload) Step(ctx context.Context) error {
	a := z.members[z.random.IntN(len(z.members))]
	if z.chance(2) {
		a = z.members[z.random.IntN(hotMembers)]
	}
	if err := z.change(ctx, a); err != nil {
		a.unknown = true
		return fmt.Errorf("act on %s/%s: %w", a.namespace, a.name, err)
	}
	return nil
}

func (z *Workload) change(ctx context.Context, a *member) (err error) {
	target := z.on.Components(a.namespace)
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
	switch dice := z.random.IntN(10); {
	case a.object == nil:
		done = &z.Created
		next, err = target.Create(ctx, z.draw(a), metav1.CreateOptions{})
	case dice < 2:
		done = &z.Deleted
		err = target.Delete(ctx, a.name, metav1.DeleteOptions{})
	case dice < 3: // nothing that a registry shows
		done = new(int)
		noisy := a.object.DeepCopy()
		noisy.SetAnnotations(map[string]string{"e2e.example.org/noise": strconv.Itoa(z.random.Int())})
		next, err = target.Update(ctx, noisy, metav1.UpdateOptions{})
	default:
		done = &z.Changed
		drawn := z.draw(a)
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

// draw makes up a Component's next state.
func (z *Workload) draw(a *member) *unstructured.Unstructured {
	z.version++
	object := Component(a.namespace, a.name, strconv.Itoa(z.version))
	labels := object.GetLabels()
	for _, key := range []string{"team", "domain", "version", "oda.tmforum.org/release", "app.kubernetes.io/name"} {
		if z.chance(2) {
			labels[key] = z.pick("red", "green", "blue")
		}
	}
	object.SetLabels(labels)
	about := object.Object["spec"].(map[string]any)["componentMetadata"].(map[string]any)
	var people []any
	for i := range z.random.IntN(5) {
		people = append(people, map[string]any{"name": z.pick("Ada Example", "Ben Sample", "Carla Demo"), "email": fmt.Sprintf("m%d@example.org", i)})
	}
	about["maintainers"] = people

	var entries, states []any
	for _, name := range []string{"catalog", "Order", "party", "usage"} {
		if z.chance(2) {
			entry, state := z.api(a, name)
			entries, states = append(entries, entry), append(states, state...)
		}
	}
	object.Object["spec"].(map[string]any)["coreFunction"] = map[string]any{"exposedAPIs": entries}
	object.Object["status"] = map[string]any{
		"summary/status": map[string]any{"deployment_status": z.pick("Complete", "In-Progress-CompCon", "Failed")},
		"coreAPIs":       states,
	}
	return object
}

// api makes up an entry in one or two versions, with an address in the cluster or none, and its status if it has one.
func (z *Workload) api(a *member, name string) (entry map[string]any, states []any) {
	entry = map[string]any{"name": name, "apiType": "openapi", "path": "/" + name, "port": int64(8080)}
	if z.chance(4) {
		entry["implementation"] = a.name + "-" + z.pick("blue", "green")
	}
	versions := [][]string{{}, {"v4"}, {"v5"}, {"v4", "v5"}}[z.random.IntN(4)]
	var specifications []any
	objects := map[string]bool{}
	for _, version := range versions {
		specifications = append(specifications, map[string]any{
			"url": fmt.Sprintf("https://specs.example.org/%s-%s.0.%d.json", name, version, z.random.IntN(3)), "version": version + ".0.0",
		})
		objects[fmt.Sprintf("%s-%s-%s", a.name, name, version)] = true
	}
	entry["specification"] = specifications
	if len(versions) < 2 {
		objects = map[string]bool{fmt.Sprintf("%s-%s", a.name, name): true}
	}
	for _, object := range slices.Sorted(maps.Keys(objects)) { // in a fixed order, so that a seed repeats a run
		if z.chance(3) {
			states = append(states, map[string]any{
				"name": object, "ready": z.chance(2), "url": fmt.Sprintf("https://oda.example.org/%s/%d", object, z.random.IntN(3)),
			})
		}
	}
	return entry, states
}

// chance is true in all but one of n cases.
func (z *Workload) chance(n int) bool { return z.random.IntN(n) > 0 }

func (z *Workload) pick(words ...string) string { return words[z.random.IntN(len(words))] }
