package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"odasync/internal/component"
)

// Resource is a kind of objects of the Component's group, in one version.
type Resource struct{ Version, Plural string }

// ExposedAPIs are the objects that the Canvas operators make for the APIs of Components. No other version has been served.
var ExposedAPIs = Resource{Version: "v1", Plural: "exposedapis"}

// ComponentResource is the Component resource in a version.
func (c *Client) ComponentResource(version string) Resource { return Resource{version, c.cfg.Plural} }

const (
	// listPageSize is the largest number of objects in one page of List.
	listPageSize = 500
	// listTries is the number of attempts at a list whose continue token expires.
	listTries = 3
)

// request is the request for the objects of a namespace, or of all if it is empty. Client-go does not retry it: the caller does.
func (c *Client) request(of Resource, namespace string) *rest.Request {
	segments := []string{"apis", c.cfg.Group, of.Version}
	if namespace != "" {
		segments = append(segments, "namespaces", namespace)
	}
	return c.current.Load().requests.Get().AbsPath(append(segments, of.Plural)...).MaxRetries(0)
}

// idleReader resets a deadline with each read: a large answer over a slow line is not a dead connection.
type idleReader struct {
	io.ReadCloser
	deadline *time.Timer
	wait     time.Duration
	err      error // of the last read
}

func (r *idleReader) Read(p []byte) (n int, err error) {
	n, err = r.ReadCloser.Read(p)
	if n > 0 {
		r.deadline.Reset(r.wait)
	}
	r.err = err
	return n, err
}

// maxPageTime limits the time of one page: after five minutes a server may have compacted the list that it belongs to.
const maxPageTime = 5 * time.Minute

// Page is one part of a paged list.
type Page struct {
	Metadata metav1.ListMeta
	Items    []json.RawMessage
}

// Get reads one object, or nil if it does not exist. The scope is the one whose permission an error asks for.
func (c *Client) Get(ctx context.Context, of Resource, scope component.Scope, namespace, name string) ([]byte, error) {
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
	if err != nil {
		return nil, explain(causeOf(ctx, err), c.readRule("get", of, scope))
	}
	return body, nil
}

// List reads a paged list, which is consistent. It calls again before a new attempt, whose list has another resourceVersion.
func (c *Client) List(ctx context.Context, of Resource, scope component.Scope, selectors [][2]string, again func(), add func(json.RawMessage) error) error {
	for try := 1; ; try++ {
		err := c.listOnce(ctx, of, scope, selectors, add)
		if err == nil || try == listTries || !isExpired(err) {
			return err
		}
		again()
	}
}

func (c *Client) listOnce(ctx context.Context, of Resource, scope component.Scope, selectors [][2]string, add func(json.RawMessage) error) error {
	for token := ""; ; {
		page, err := c.ListPage(ctx, of, scope, listPageSize, token, selectors...)
		if err != nil {
			return err
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

// ListPage reads the page of a list at the continue token of the page before; an empty token reads the first. A selector
// is a parameter that filters the list, and its value.
func (c *Client) ListPage(ctx context.Context, of Resource, scope component.Scope, limit int, token string, selectors ...[2]string) (Page, error) {
	page, err := c.readPage(ctx, of, scope, limit, token, selectors)
	if err != nil {
		return Page{}, explain(err, c.readRule("list", of, scope))
	}
	return page, nil
}

func (c *Client) readPage(ctx context.Context, of Resource, scope component.Scope, limit int, token string, selectors [][2]string) (Page, error) {
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
		return Page{}, causeOf(ctx, err)
	}
	defer body.Close()
	var read Page
	if err := json.NewDecoder(&idleReader{ReadCloser: body, deadline: deadline, wait: c.timeout}).Decode(&read); err != nil {
		return Page{}, causeOf(ctx, fmt.Errorf("%w: %w", errLost, err))
	}
	return read, nil
}
