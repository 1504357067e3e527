package listwatch

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/component"
	"odasync/internal/kube"
)

// malformed is a Component that cannot be read.
type malformed struct {
	problem    string
	generation uint64 // of the resync that saw it last
}

// reporter takes what the watch of a scope reads. The calls do not overlap.
type reporter interface {
	// begin begins a resync.
	begin(scope component.Scope)
	// unchanged reports whether an object of the scope need not be decoded and observed, by the digest of its JSON.
	unchanged(name objectName, source uint64) bool
	// observe takes an object of the scope; the watch repeats it after an error.
	observe(ctx context.Context, kind watch.EventType, object map[string]any, source uint64, received time.Time) error
	// end ends the resync after its last object.
	end(ctx context.Context, scope component.Scope, resourceVersion string) error
}

// observe reports an event, if its namespace is in the scope, and returns its resourceVersion.
func (w *scopeWatch) observe(ctx context.Context, next kube.WatchEvent) (string, error) {
	received := time.Now()
	switch next.Type {
	case watch.Bookmark:
		meta, err := bookmark(next.Object)
		return meta.ResourceVersion, err
	case watch.Added, watch.Modified, watch.Deleted:
	default:
		return "", nil
	}
	meta := metadata(next.Object)
	if !w.scope.Contains(meta.Namespace) {
		return meta.ResourceVersion, nil
	}
	source := max(maphash.Bytes(seed, next.Object), 1)
	if next.Type == watch.Added && w.to.unchanged(objectName{meta.Namespace, meta.Name}, source) {
		return meta.ResourceVersion, nil
	}
	object, err := decode(next.Object)
	if err != nil {
		return "", err
	}
	return meta.ResourceVersion, w.to.observe(ctx, next.Type, object, source, received)
}

// seed is that of the digests of objects, at random: none can be made to collide.
var seed = maphash.MakeSeed()

// objectMeta is a part of the metadata of an object.
type objectMeta struct {
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	ResourceVersion string `json:"resourceVersion"`
}

// metadata reads the metadata of an object, which is much faster than decoding all of it. What is no text counts as empty, as in
// the accessors of apimachinery.
func metadata(raw []byte) objectMeta {
	var object struct {
		Metadata objectMeta `json:"metadata"`
	}
	_ = json.Unmarshal(raw, &object, kube.Lenient)
	return object.Metadata
}

// componentReport reports Components to an observer.
type componentReport struct {
	client  *kube.Client
	of      kube.Resource
	scope   component.Scope
	apis    *apiIndex // nil without ExposedAPIs
	to      component.Observer
	metrics *Metrics
	log     zerolog.Logger

	mu         sync.Mutex // held while something is reported
	generation uint64     // of the last resync; 0 before the first
	malformed  map[objectName]malformed
}

func (r *componentReport) begin(scope component.Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation = r.to.Begin(scope)
}

// unchanged reports false where ExposedAPIs are part of what is reported.
func (r *componentReport) unchanged(name objectName, source uint64) bool {
	if r.apis != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.to.Unchanged(r.generation, name.namespace, name.name, source) {
		return false
	}
	delete(r.malformed, name)
	return true
}

func (r *componentReport) observe(ctx context.Context, kind watch.EventType, object map[string]any, source uint64, received time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind != watch.Deleted {
		seen := r.apis.component(object)
		if r.apis == nil {
			seen.Source = source
		}
		return r.report(ctx, seen, received)
	}
	meta := unstructured.Unstructured{Object: object}
	return r.report(ctx, component.Observation{
		Namespace: meta.GetNamespace(), Name: meta.GetName(),
		UID: string(meta.GetUID()), ResourceVersion: meta.GetResourceVersion(), Deleted: true,
	}, received)
}

func (r *componentReport) report(ctx context.Context, seen component.Observation, received time.Time) error {
	seen.Seen = received
	r.noteMalformed(seen)
	return r.to.Observe(ctx, r.generation, seen)
}

func (r *componentReport) end(ctx context.Context, scope component.Scope, resourceVersion string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.to.End(ctx, r.generation, scope, component.Resync{ResourceVersion: resourceVersion}); err != nil {
		return err
	}
	for name, known := range r.malformed {
		if known.generation != r.generation {
			delete(r.malformed, name)
		}
	}
	return nil
}

// again reads a Component, whose ExposedAPIs have changed, and reports it. The mutex keeps the order: what is read now is at least
// as new as all that the watch has reported until now, and what it reports afterwards is in the end as new as that.
func (r *componentReport) again(ctx context.Context, name objectName) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation == 0 {
		return nil // the first resync is still to come
	}
	received := time.Now()
	body, err := r.client.Get(ctx, r.of, r.scope, name.namespace, name.name)
	if err != nil {
		return err
	}
	if body == nil {
		return nil // not created yet, or deleted, which the watch reports
	}
	object, err := decode(body)
	if err != nil {
		return err
	}
	return r.report(ctx, r.apis.component(object), received)
}

// noteMalformed counts and logs a Component that cannot be read, when it is first seen and when its problem changes.
func (r *componentReport) noteMalformed(seen component.Observation) {
	name := objectName{seen.Namespace, seen.Name}
	if seen.Err == nil {
		delete(r.malformed, name)
		return
	}
	problem := seen.Err.Error()
	if r.malformed[name].problem != problem {
		line := r.log.Warn().Str("namespace", seen.Namespace).Str("component", seen.Name)
		var field *component.FieldError
		if errors.As(seen.Err, &field) {
			line = line.Str("field", field.Field).Str("error", field.Problem)
		} else {
			line = line.Str("error", problem)
		}
		line.Msg("component cannot be read")
		r.metrics.malformed.Inc()
	}
	r.malformed[name] = malformed{problem: problem, generation: r.generation}
}

// count counts an event of any namespace. The items of a paged list count as added.
func (w *scopeWatch) count(kind watch.EventType) {
	switch kind {
	case watch.Added, watch.Modified, watch.Deleted, watch.Bookmark, watch.Error:
		w.metrics.events.WithLabelValues(string(kind)).Inc()
	}
}

// bookmark returns the metadata of a bookmark, whose object is otherwise empty.
func bookmark(raw []byte) (metav1.ObjectMeta, error) {
	var object struct{ Metadata metav1.ObjectMeta }
	if err := stdjson.Unmarshal(raw, &object); err != nil {
		return metav1.ObjectMeta{}, fmt.Errorf("decode a bookmark: %w", err)
	}
	return object.Metadata, nil
}
