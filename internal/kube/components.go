package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"odasync/internal/component"
	"odasync/internal/normalize"
)

const (
	// listPageSize is the largest number of Components in one page.
	listPageSize = 500
	// listTries is the number of attempts at a list whose continue token expires.
	listTries = 3
)

// Components reads the existing Components of a scope, normalized. With a name, it reads only those of that name: one request
// a namespace, or one for the whole cluster.
func (c *Client) Components(ctx context.Context, scope component.Scope, name string) ([]component.Observation, error) {
	ctx = Quiet(ctx)
	version, err := c.ServedVersion(ctx)
	if err != nil {
		return nil, err
	}
	r := &listing{client: c, components: c.components(version), name: name, apis: newAPIIndex()}
	for _, part := range scope.Split() {
		if c.cfg.WatchExposedAPIs {
			if err := r.listAPIs(ctx, part); err != nil {
				return nil, fmt.Errorf("read ExposedAPIs of namespace %s from %s: %w", part, c.Server(), err)
			}
		}
		if name != "" && part.Namespace() != "" {
			err = r.get(ctx, part)
		} else {
			err = r.list(ctx, part)
		}
		if err != nil {
			return nil, fmt.Errorf("read Components of namespace %s from %s: %w", part, c.Server(), err)
		}
	}
	return r.seen, nil
}

// listing collects the Components of one or several scopes.
type listing struct {
	client     *Client
	components resource
	name       string // empty for every name
	apis       *apiIndex
	seen       []component.Observation
}

// get reads one Component by its name, if it exists.
func (r *listing) get(ctx context.Context, scope component.Scope) error {
	body, err := r.client.get(ctx, r.components, scope.Namespace(), r.name)
	if err != nil {
		return explain(err, r.client.componentRule("get", scope))
	}
	if body == nil {
		return nil
	}
	return r.add(scope, body)
}

// get reads one object, or nil if it does not exist.
func (c *Client) get(ctx context.Context, of resource, namespace, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errNoAnswer)
	defer cancel()
	result := c.request(of, namespace).Suffix(name).Do(ctx)
	err := result.Error() // unlike Raw's error, it has the server's message
	if apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err) {
		return nil, nil
	}
	var body []byte
	if err == nil {
		body, err = result.Raw()
	}
	return body, causeOf(ctx, err)
}

// list reads the Components of a scope.
func (r *listing) list(ctx context.Context, scope component.Scope) error {
	var selectors [][2]string
	if r.name != "" {
		selectors = [][2]string{{"fieldSelector", "metadata.name=" + r.name}}
	}
	before := len(r.seen)
	again := func() { r.seen = r.seen[:before] }
	return r.client.list(ctx, r.components, scope, selectors, again, func(raw json.RawMessage) error { return r.add(scope, raw) })
}

// listAPIs reads the ExposedAPI objects of a scope.
func (r *listing) listAPIs(ctx context.Context, scope component.Scope) error {
	var selectors [][2]string
	if r.name != "" && len(r.name) <= validation.LabelValueMaxLength {
		selectors = [][2]string{{"labelSelector", normalize.OwnerLabel + "=" + r.name}}
	}
	return r.client.list(ctx, exposedAPIs, scope, selectors, func() {}, func(raw json.RawMessage) error {
		object, err := decode(raw)
		if err == nil {
			r.apis.put(normalize.ExposedAPI(object))
		}
		return err
	})
}

// list reads a paged list, which is consistent. It calls again before a new attempt, whose list has another resourceVersion.
func (c *Client) list(ctx context.Context, of resource, scope component.Scope, selectors [][2]string, again func(), add func(json.RawMessage) error) error {
	for try := 1; ; try++ {
		err := c.pages(ctx, of, scope, selectors, add)
		if err == nil || try == listTries || !isExpired(err) {
			return err
		}
		again()
	}
}

func (c *Client) pages(ctx context.Context, of resource, scope component.Scope, selectors [][2]string, add func(json.RawMessage) error) error {
	for token := ""; ; {
		page, err := c.listPage(ctx, of, scope, listPageSize, token, selectors...)
		if err != nil {
			return explain(err, c.readRule("list", of.plural, scope))
		}
		for _, item := range page.Items {
			if err := add(item); err != nil {
				return err
			}
		}
		if token = page.Metadata.Continue; token == "" {
			return nil
		}
	}
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
