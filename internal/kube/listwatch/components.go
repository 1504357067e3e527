package listwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"

	"odasync/internal/component"
	"odasync/internal/kube"
	"odasync/internal/normalize"
)

// Components reads the existing Components of a scope, normalized. With a name, it reads only those of that name: one request
// a namespace, or one for the whole cluster.
func Components(ctx context.Context, client *kube.Client, scope component.Scope, name string) ([]component.Observation, error) {
	ctx = kube.Quiet(ctx)
	version, err := client.ServedVersion(ctx)
	if err != nil {
		return nil, err
	}
	r := &listing{client: client, components: client.ComponentResource(version), name: name, apis: newAPIIndex()}
	for _, part := range scope.Split() {
		if client.Config().WatchExposedAPIs {
			if err := r.listAPIs(ctx, part); err != nil {
				return nil, fmt.Errorf("read ExposedAPIs of namespace %s from %s: %w", part, client.Server(), err)
			}
		}
		if name != "" && part.Namespace() != "" {
			err = r.get(ctx, part)
		} else {
			err = r.list(ctx, part)
		}
		if err != nil {
			return nil, fmt.Errorf("read Components of namespace %s from %s: %w", part, client.Server(), err)
		}
	}
	return r.seen, nil
}

// listing collects the Components of one or several scopes.
type listing struct {
	client     *kube.Client
	components kube.Resource
	name       string // empty for every name
	apis       *apiIndex
	seen       []component.Observation
}

// get reads one Component by its name, if it exists.
func (r *listing) get(ctx context.Context, scope component.Scope) error {
	body, err := r.client.Get(ctx, r.components, scope, scope.Namespace(), r.name)
	if err != nil || body == nil {
		return err
	}
	return r.add(scope, body)
}

// list reads the Components of a scope.
func (r *listing) list(ctx context.Context, scope component.Scope) error {
	var selectors [][2]string
	if r.name != "" {
		selectors = [][2]string{{"fieldSelector", "metadata.name=" + r.name}}
	}
	before := len(r.seen)
	again := func() { r.seen = r.seen[:before] }
	return r.client.List(ctx, r.components, scope, selectors, again, func(raw json.RawMessage) error { return r.add(scope, raw) })
}

// listAPIs reads the ExposedAPI objects of a scope.
func (r *listing) listAPIs(ctx context.Context, scope component.Scope) error {
	var selectors [][2]string
	if r.name != "" && len(r.name) <= validation.LabelValueMaxLength {
		selectors = [][2]string{{"labelSelector", normalize.OwnerLabel + "=" + r.name}}
	}
	return r.client.List(ctx, kube.ExposedAPIs, scope, selectors, func() {}, func(raw json.RawMessage) error {
		object, err := decode(raw)
		if err == nil {
			r.apis.put(normalize.ExposedAPI(object))
		}
		return err
	})
}

func (r *listing) add(scope component.Scope, raw json.RawMessage) error {
	object, err := decode(raw)
	if err != nil {
		return err
	}
	seen := r.apis.component(object)
	seen.Seen = time.Now()
	if scope.Contains(seen.Namespace) && (r.name == "" || seen.Name == r.name) {
		r.seen = append(r.seen, seen)
	}
	return nil
}

// decode reads an object as the API machinery does: whole numbers are int64.
func decode(raw []byte) (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	return object, nil
}
