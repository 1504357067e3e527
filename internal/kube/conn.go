package kube

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"odasync/internal/component"
)

// minInitialTimeout is the lower limit for the timeout of a watch that begins with a list. A shorter configured timeout would
// cut the list of a large cluster every time.
const minInitialTimeout = 30 * time.Minute

// Lenient leaves to encoding/json what it accepts and json/v2 rejects.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// WatchEvent is one line of a watch.
type WatchEvent struct {
	Type   watch.EventType `json:"type"`
	Object jsontext.Value  `json:"object"` // valid until the next event is read
}

// WatchConn is an open watch, read by one goroutine.
type WatchConn struct {
	needed  rule // the permission to watch
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    *idleReader
	decoder *jsontext.Decoder
	event   WatchEvent
}

// WatchInitial opens a watch that begins with every existing object and marks their end with a bookmark.
func (c *Client) WatchInitial(ctx context.Context, of Resource, scope component.Scope) (*WatchConn, error) {
	request := c.request(of, scope.Namespace()).
		Param("sendInitialEvents", "true").
		Param("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	return c.open(ctx, request, c.readRule("watch", of, scope), max(time.Duration(c.cfg.WatchTimeout), minInitialTimeout))
}

// WatchFrom opens a watch of the changes after the resourceVersion.
func (c *Client) WatchFrom(ctx context.Context, of Resource, scope component.Scope, resourceVersion string) (*WatchConn, error) {
	request := c.request(of, scope.Namespace()).Param("resourceVersion", resourceVersion)
	return c.open(ctx, request, c.readRule("watch", of, scope), time.Duration(c.cfg.WatchTimeout))
}

func (c *Client) open(ctx context.Context, request *rest.Request, needed rule, timeout time.Duration) (*WatchConn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(c.timeout, func() { cancel(errNoAnswer) })
	defer late.Stop()
	body, err := request.
		Param("watch", "true").
		Param("allowWatchBookmarks", "true").
		Param("timeoutSeconds", strconv.Itoa(int(timeout.Seconds()))).
		Stream(ctx)
	if err != nil {
		err = explain(causeOf(ctx, err), needed)
		cancel(nil)
		return nil, err
	}
	conn := &WatchConn{needed: needed, ctx: ctx, cancel: cancel, body: &idleReader{ReadCloser: body}}
	conn.decoder = jsontext.NewDecoder(conn.body, Lenient)
	return conn, nil
}

// Close ends the watch. It must be called once.
func (c *WatchConn) Close() {
	c.cancel(nil)
	c.body.Close()
}

// CancelAfter ends the watch with the error when the channel is closed. The returned function stops that, and waits for the
// goroutine.
func (c *WatchConn) CancelAfter(closed <-chan struct{}, reason error) (stop func()) {
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

// Next waits for an event. It returns the error overdue once nothing was received for the time wait, the reason of
// CancelAfter, io.EOF after the server has closed the watch, and an event of type ERROR as an error.
func (c *WatchConn) Next(wait time.Duration, overdue error) (WatchEvent, error) {
	c.body.deadline, c.body.wait = time.AfterFunc(wait, func() { c.cancel(overdue) }), wait
	defer c.body.deadline.Stop()
	c.event.Type = ""
	if err := json.UnmarshalDecode(c.decoder, &c.event); err != nil {
		switch cause := context.Cause(c.ctx); {
		case cause != nil:
			return WatchEvent{}, cause
		case errors.Is(err, io.EOF):
			return WatchEvent{}, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = io.ErrUnexpectedEOF // as a cut list says it
		case c.body.err != nil:
			err = c.body.err
		}
		return WatchEvent{}, explain(fmt.Errorf("%w: %w", errLost, err), c.needed)
	}
	if c.event.Type == watch.Error {
		var status metav1.Status
		if err := stdjson.Unmarshal(c.event.Object, &status); err != nil {
			return WatchEvent{}, fmt.Errorf("decode the error in a watch: %w", err)
		}
		return c.event, explain(&apierrors.StatusError{ErrStatus: status}, c.needed)
	}
	return c.event, nil
}
