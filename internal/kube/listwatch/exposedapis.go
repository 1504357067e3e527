package listwatch

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/component"
	"odasync/internal/normalize"
)

// objectName is the name of an object in its namespace.
type objectName struct{ namespace, name string }

// apiIndex holds what ExposedAPI objects say, by their components. A nil index has none.
type apiIndex struct {
	mu      sync.Mutex
	round   uint64 // counts resyncs
	objects map[objectName]indexedAPI
	owned   map[objectName][]normalize.APIObject // by component, sorted by name

	stale map[objectName]struct{} // components whose objects have changed; used by the goroutine that changes the index
}

type indexedAPI struct {
	api   normalize.APIObject
	round uint64 // of the resync that saw it last
}

func newAPIIndex() *apiIndex {
	return &apiIndex{
		objects: map[objectName]indexedAPI{}, owned: map[objectName][]normalize.APIObject{}, stale: map[objectName]struct{}{},
	}
}

// component normalizes a Component with what the index has of it.
func (x *apiIndex) component(object map[string]any) component.Observation {
	if x == nil {
		return normalize.Component(object)
	}
	meta := unstructured.Unstructured{Object: object}
	x.mu.Lock()
	objects := slices.Clone(x.owned[objectName{meta.GetNamespace(), meta.GetName()}])
	x.mu.Unlock()
	return normalize.Component(object, objects...)
}

// put adds an object or replaces its earlier state.
func (x *apiIndex) put(api normalize.APIObject) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at := objectName{api.Namespace, api.Name}
	if known, found := x.objects[at]; found && known.api == api {
		x.objects[at] = indexedAPI{api, x.round}
		return
	}
	x.remove(at)
	if api.Owner == "" {
		return
	}
	x.objects[at] = indexedAPI{api, x.round}
	owner := objectName{api.Namespace, api.Owner}
	x.owned[owner] = append(x.owned[owner], api)
	slices.SortFunc(x.owned[owner], func(a, b normalize.APIObject) int { return cmp.Compare(a.Name, b.Name) })
	x.stale[owner] = struct{}{}
}

// remove forgets an object. The caller holds the mutex.
func (x *apiIndex) remove(at objectName) {
	known, found := x.objects[at]
	if !found {
		return
	}
	delete(x.objects, at)
	owner := objectName{at.namespace, known.api.Owner}
	x.owned[owner] = slices.DeleteFunc(x.owned[owner], func(api normalize.APIObject) bool { return api.Name == at.name })
	if len(x.owned[owner]) == 0 {
		delete(x.owned, owner)
	}
	x.stale[owner] = struct{}{}
}

// apiReport keeps an index, and has each Component reported again whose objects have changed. It keeps the Components that
// could not be reported for the next call, since the watch repeats an object whose report has failed.
type apiReport struct {
	index *apiIndex
	again func(ctx context.Context, component objectName) error
}

func (r *apiReport) begin(component.Scope) {
	r.index.mu.Lock()
	defer r.index.mu.Unlock()
	r.index.round++
}

func (*apiReport) unchanged(objectName, uint64) bool { return false }

func (r *apiReport) observe(ctx context.Context, kind watch.EventType, object map[string]any, _ uint64, _ time.Time) error {
	api := normalize.ExposedAPI(object)
	if kind == watch.Deleted {
		r.index.mu.Lock()
		r.index.remove(objectName{api.Namespace, api.Name})
		r.index.mu.Unlock()
	} else {
		r.index.put(api)
	}
	return r.reportStale(ctx)
}

// end forgets the objects that the resync has not seen. Their APIs remain, with what the status of the Component says.
func (r *apiReport) end(ctx context.Context, _ component.Scope, _ string) error {
	r.index.mu.Lock()
	for at, known := range r.index.objects {
		if known.round != r.index.round {
			r.index.remove(at)
		}
	}
	r.index.mu.Unlock()
	return r.reportStale(ctx)
}

func (r *apiReport) reportStale(ctx context.Context) error {
	for name := range r.index.stale {
		if err := r.again(ctx, name); err != nil {
			return err
		}
		delete(r.index.stale, name)
	}
	return nil
}
