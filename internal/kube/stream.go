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
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"odasync/internal/component"
)

// event is one line of a watch.
type event struct {
	Type   watch.EventType
	Object json.RawMessage // valid until the next event is read
}

// stream is one open watch, read by one goroutine.
type stream struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    *idleReader
	decoder *json.Decoder
	event   event
}

// path is the request for the Components of a scope. It is not retried: whoever sends it knows better when to.
func (c *Client) path(version string, scope component.Scope) *rest.Request {
	segments := []string{"apis", c.cfg.Group, version}
	if namespace := scope.Namespace(); namespace != "" {
		segments = append(segments, "namespaces", namespace)
	}
	return c.current.Load().requests.Get().AbsPath(append(segments, c.cfg.Plural)...).MaxRetries(0)
}

// watchInitial opens a watch that begins with every object that exists, up to a bookmark that says so.
func (c *Client) watchInitial(ctx context.Context, version string, scope component.Scope) (*stream, error) {
	request := c.path(version, scope).
		Param("sendInitialEvents", "true").
		Param("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	return c.open(ctx, request, max(time.Duration(c.cfg.WatchTimeout), minInitialTimeout))
}

// watchFrom opens a watch of what happened after the resourceVersion.
func (c *Client) watchFrom(ctx context.Context, version string, scope component.Scope, resourceVersion string) (*stream, error) {
	request := c.path(version, scope).Param("resourceVersion", resourceVersion)
	return c.open(ctx, request, time.Duration(c.cfg.WatchTimeout))
}

func (c *Client) open(ctx context.Context, request *rest.Request, timeout time.Duration) (*stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(c.timeout, func() { cancel(errNoAnswer) })
	defer late.Stop()
	body, err := request.
		Param("watch", "true").
		Param("allowWatchBookmarks", "true").
		Param("timeoutSeconds", strconv.Itoa(int(timeout.Seconds()))).
		Stream(ctx)
	if err != nil {
		err = causeOf(ctx, err)
		cancel(nil)
		return nil, err
	}
	s := &stream{ctx: ctx, cancel: cancel, body: &idleReader{ReadCloser: body}}
	s.decoder = json.NewDecoder(s.body)
	return s, nil
}

// close ends the watch. It must be called once.
func (s *stream) close() {
	s.cancel(nil)
	s.body.Close()
}

// cancelAfter ends the watch with the error when the channel is closed, until the returned function is called, which waits
// for whoever looks at it.
func (s *stream) cancelAfter(asked <-chan struct{}, reason error) (forget func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-asked:
			s.cancel(reason)
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-ended }
}

// idleReader pushes a deadline further whenever something comes: a large answer over a slow line is not a dead connection.
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

// next waits for an event, but gives up with the error overdue once nothing has come for so long. io.EOF means that
// the server closed the watch in good order; an event of type ERROR comes as an error.
func (s *stream) next(wait time.Duration, overdue error) (event, error) {
	s.body.deadline, s.body.wait = time.AfterFunc(wait, func() { s.cancel(overdue) }), wait
	defer s.body.deadline.Stop()
	s.event.Type = ""
	if err := s.decoder.Decode(&s.event); err != nil {
		switch cause := context.Cause(s.ctx); {
		case cause != nil:
			return event{}, cause
		case err == io.EOF:
			return event{}, io.EOF
		}
		return event{}, fmt.Errorf("%w: %w", errLost, err)
	}
	if s.event.Type == watch.Error {
		var status metav1.Status
		if err := json.Unmarshal(s.event.Object, &status); err != nil {
			return event{}, fmt.Errorf("decode the error in a watch: %w", err)
		}
		return s.event, &apierrors.StatusError{ErrStatus: status}
	}
	return s.event, nil
}

// maxPageTime bounds a page that keeps coming: after five minutes a server may no longer know the list that it is of.
const maxPageTime = 5 * time.Minute

// page is one part of a paged list.
type page struct {
	Metadata metav1.ListMeta
	Items    []json.RawMessage
}

// listPage reads the part of the list that the token of the page before continues with; an empty token begins. Only what
// the field selectors match is listed.
func (c *Client) listPage(ctx context.Context, version string, scope component.Scope, limit int, token string, selectors ...string) (page, error) {
	ctx, stop := context.WithTimeoutCause(ctx, maxPageTime, errNoAnswer)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deadline := time.AfterFunc(c.timeout, func() { cancel(errNoAnswer) })
	defer deadline.Stop()
	request := c.path(version, scope).Param("limit", strconv.Itoa(limit))
	if token != "" {
		request.Param("continue", token)
	}
	for _, selector := range selectors {
		request.Param("fieldSelector", selector)
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

// decode reads an object the way the API machinery does: whole numbers stay whole.
func decode(raw json.RawMessage) (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	return object, nil
}
