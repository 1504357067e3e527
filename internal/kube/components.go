package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

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
	r := &listing{client: c, version: version, name: name}
	for _, part := range scope.Split() {
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
	client  *Client
	version string
	name    string // empty for every name
	seen    []component.Observation
}

// get reads one Component by its name, if it exists.
func (r *listing) get(ctx context.Context, scope component.Scope) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.client.timeout, errNoAnswer)
	defer cancel()
	result := r.client.componentsRequest(r.version, scope).Suffix(r.name).Do(ctx)
	err := result.Error() // unlike Raw's error, it has the server's message
	if apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err) {
		return nil
	}
	var body []byte
	if err == nil {
		body, err = result.Raw()
	}
	if err != nil {
		return explain(causeOf(ctx, err), r.client.componentRule("get", scope))
	}
	return r.add(scope, body)
}

// list reads a paged list, which is consistent.
func (r *listing) list(ctx context.Context, scope component.Scope) error {
	before := len(r.seen)
	for try := 1; ; try++ {
		err := r.pages(ctx, scope)
		if err == nil || try == listTries || !isExpired(err) {
			return err
		}
		r.seen = r.seen[:before] // the next list has another resourceVersion
	}
}

func (r *listing) pages(ctx context.Context, scope component.Scope) error {
	var selectors []string
	if r.name != "" {
		selectors = []string{"metadata.name=" + r.name}
	}
	for token := ""; ; {
		page, err := r.client.listPage(ctx, r.version, scope, listPageSize, token, selectors...)
		if err != nil {
			return explain(err, r.client.componentRule("list", scope))
		}
		for _, item := range page.Items {
			if err := r.add(scope, item); err != nil {
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
	seen := normalize.Component(object)
	seen.Seen = time.Now()
	if scope.Contains(seen.Namespace) && (r.name == "" || seen.Name == r.name) {
		r.seen = append(r.seen, seen)
	}
	return nil
}
