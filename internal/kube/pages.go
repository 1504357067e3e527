package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"odasync/internal/component"
)

// resource is a kind of objects in one version.
type resource struct{ version, plural string }

func (c *Client) components(version string) resource { return resource{version, c.cfg.Plural} }

// request is the request for the objects of a namespace, or of all if it is empty. Client-go does not retry it: the caller does.
func (c *Client) request(of resource, namespace string) *rest.Request {
	segments := []string{"apis", c.cfg.Group, of.version}
	if namespace != "" {
		segments = append(segments, "namespaces", namespace)
	}
	return c.current.Load().requests.Get().AbsPath(append(segments, of.plural)...).MaxRetries(0)
}

// idleReader resets a deadline with each read: a large answer over a slow line is not a dead connection.
type idleReader struct {
	io.ReadCloser
	deadline *time.Timer
	wait     time.Duration
}

func (r *idleReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if n > 0 {
		r.deadline.Reset(r.wait)
	}
	return n, err
}

// maxPageTime limits the time of one page: after five minutes a server may have compacted the list that it belongs to.
const maxPageTime = 5 * time.Minute

// page is one part of a paged list.
type page struct {
	Metadata metav1.ListMeta
	Items    []json.RawMessage
}

// listPage reads the page of a list at the continue token of the page before; an empty token reads the first. A selector
// is a parameter that filters the list, and its value.
func (c *Client) listPage(ctx context.Context, of resource, scope component.Scope, limit int, token string, selectors ...[2]string) (page, error) {
	ctx, stop := context.WithTimeoutCause(ctx, maxPageTime, errNoAnswer)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deadline := time.AfterFunc(c.timeout, func() { cancel(errNoAnswer) })
	defer deadline.Stop()
	request := c.request(of, scope.Namespace()).Param("limit", strconv.Itoa(limit))
	if token != "" {
		request.Param("continue", token)
	}
	for _, selector := range selectors {
		request.Param(selector[0], selector[1])
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return page{}, causeOf(ctx, err)
	}
	defer body.Close()
	var read page
	if err := json.NewDecoder(&idleReader{body, deadline, c.timeout}).Decode(&read); err != nil {
		return page{}, causeOf(ctx, fmt.Errorf("%w: %w", errLost, err))
	}
	return read, nil
}

// decode reads an object as the API machinery does: whole numbers are int64.
func decode(raw json.RawMessage) (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	return object, nil
}
