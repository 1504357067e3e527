package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/component"
	"odasync/internal/normalize"
)

// malformed is a Component that cannot be read.
type malformed struct {
	problem    string
	generation uint64 // of the resync that saw it last
}

// observe reports an event to the observer, if its namespace is in the scope, and returns its resourceVersion.
func (w *scopeWatch) observe(ctx context.Context, next watchEvent) (string, error) {
	received := time.Now()
	switch next.Type {
	case watch.Bookmark:
		meta, err := bookmark(next.Object)
		return meta.ResourceVersion, err
	case watch.Added, watch.Modified, watch.Deleted:
	default:
		return "", nil
	}
	object, err := decode(next.Object)
	if err != nil {
		return "", err
	}
	meta := unstructured.Unstructured{Object: object}
	if !w.scope.Contains(meta.GetNamespace()) {
		return meta.GetResourceVersion(), nil
	}
	var seen component.Observation
	if next.Type == watch.Deleted {
		seen = component.Observation{
			Namespace: meta.GetNamespace(), Name: meta.GetName(),
			UID: string(meta.GetUID()), ResourceVersion: meta.GetResourceVersion(), Deleted: true,
		}
	} else {
		seen = normalize.Component(object)
	}
	seen.Seen = received
	w.noteMalformed(seen)
	return seen.ResourceVersion, w.to.Observe(ctx, w.generation, seen)
}

// noteMalformed counts and logs a Component that cannot be read, when it is first seen and when its problem changes.
func (w *scopeWatch) noteMalformed(seen component.Observation) {
	key := seen.Namespace + "/" + seen.Name
	if seen.Err == nil {
		delete(w.malformed, key)
		return
	}
	problem := seen.Err.Error()
	if w.malformed[key].problem != problem {
		line := w.log.Warn().Str("namespace", seen.Namespace).Str("component", seen.Name)
		var field *component.FieldError
		if errors.As(seen.Err, &field) {
			line = line.Str("field", field.Field).Str("error", field.Problem)
		} else {
			line = line.Str("error", problem)
		}
		line.Msg("component cannot be read")
		w.metrics.malformed.Inc()
	}
	w.malformed[key] = malformed{problem: problem, generation: w.generation}
}

// count counts an event of any namespace. The items of a paged list count as added.
func (w *scopeWatch) count(kind watch.EventType) {
	switch kind {
	case watch.Added, watch.Modified, watch.Deleted, watch.Bookmark, watch.Error:
		w.metrics.events.WithLabelValues(string(kind)).Inc()
	}
}

// bookmark returns the metadata of a bookmark, whose object is otherwise empty.
func bookmark(raw json.RawMessage) (metav1.ObjectMeta, error) {
	var object struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(raw, &object); err != nil {
		return metav1.ObjectMeta{}, fmt.Errorf("decode a bookmark: %w", err)
	}
	return object.Metadata, nil
}
