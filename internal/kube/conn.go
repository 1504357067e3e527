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
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"odasync/internal/component"
)

// watchEvent is one line of a watch.
type watchEvent struct {
	Type   watch.EventType
	Object json.RawMessage // valid until the next event is read
}

// watchConn is an open watch, read by one goroutine.
type watchConn struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    *idleReader
	decoder *json.Decoder
	event   watchEvent
}

// watchInitial opens a watch that begins with every existing object and marks their end with a bookmark.
func (c *Client) watchInitial(ctx context.Context, of resource, scope component.Scope) (*watchConn, error) {
	request := c.request(of, scope.Namespace()).
		Param("sendInitialEvents", "true").
		Param("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	return c.open(ctx, request, max(time.Duration(c.cfg.WatchTimeout), minInitialTimeout))
}

// watchFrom opens a watch of the changes after the resourceVersion.
func (c *Client) watchFrom(ctx context.Context, of resource, scope component.Scope, resourceVersion string) (*watchConn, error) {
	request := c.request(of, scope.Namespace()).Param("resourceVersion", resourceVersion)
	return c.open(ctx, request, time.Duration(c.cfg.WatchTimeout))
}

func (c *Client) open(ctx context.Context, request *rest.Request, timeout time.Duration) (*watchConn, error) {
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
	conn := &watchConn{ctx: ctx, cancel: cancel, body: &idleReader{ReadCloser: body}}
	conn.decoder = json.NewDecoder(conn.body)
	return conn, nil
}

// close ends the watch. It must be called once.
func (c *watchConn) close() {
	c.cancel(nil)
	c.body.Close()
}

// cancelAfter ends the watch with the error when the channel is closed. The returned function stops that, and waits for the
// goroutine.
func (c *watchConn) cancelAfter(closed <-chan struct{}, reason error) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-closed:
			c.cancel(reason)
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-ended }
}

// next waits for an event. It returns the error overdue once nothing was received for the time wait, io.EOF after the server
// has closed the watch, and an event of type ERROR as an error.
func (c *watchConn) next(wait time.Duration, overdue error) (watchEvent, error) {
	c.body.deadline, c.body.wait = time.AfterFunc(wait, func() { c.cancel(overdue) }), wait
	defer c.body.deadline.Stop()
	c.event.Type = ""
	if err := c.decoder.Decode(&c.event); err != nil {
		switch cause := context.Cause(c.ctx); {
		case cause != nil:
			return watchEvent{}, cause
		case err == io.EOF:
			return watchEvent{}, io.EOF
		}
		return watchEvent{}, fmt.Errorf("%w: %w", errLost, err)
	}
	if c.event.Type == watch.Error {
		var status metav1.Status
		if err := json.Unmarshal(c.event.Object, &status); err != nil {
			return watchEvent{}, fmt.Errorf("decode the error in a watch: %w", err)
		}
		return c.event, &apierrors.StatusError{ErrStatus: status}
	}
	return c.event, nil
}
