package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/registry/auth"
	"odasync/internal/registry/transport"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// maxErrorBody is the part of an error's body that is read for its detail, in bytes.
const maxErrorBody = 64 << 10

// Client sends requests to a registry, measures them and turns every answer that is not a success into a failure. It is
// safe for concurrent use.
type Client struct {
	http    *http.Client
	slots   chan struct{} // holds one element for each request in flight
	api     string        // the API's name in messages, such as v1
	base    *url.URL      // without user and password
	keys    *credentials  // the Authorization header
	tokens  *auth.Source  // in place of keys; nil for none
	timeout time.Duration
	metrics *Metrics
	log     zerolog.Logger
	now     func() time.Time
}

// NewClient expects a configuration that passed Validate and has the defaults of the API, which is named in messages.
func NewClient(cfg Config, api string, metrics *Metrics, log zerolog.Logger) *Client {
	c := &Client{
		http:  &http.Client{Transport: transport.New(cfg.Transport, cfg.MaxConnections), CheckRedirect: keepRedirect},
		slots: make(chan struct{}, max(cfg.MaxConnections, 1)),
		api:   api, timeout: time.Duration(cfg.Timeout), metrics: metrics, log: log, now: time.Now,
	}
	base, err := url.Parse(cfg.URL)
	if err != nil { // Validate rejects it
		base = &url.URL{}
	}
	c.keys = newCredentials(cfg)
	if cfg.OAuth2.Enabled() {
		c.tokens = auth.New(cfg.OAuth2, transport.New(cfg.Transport, 0))
	}
	c.base, _ = url.Parse(publicURL(base)) // a URL's own text always parses
	return c
}

// keepRedirect returns a redirect as the answer, which is reported as a wrong URL: to follow it would turn a POST into a GET,
// or carry the key to another host.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Connections returns how many requests can be in flight.
func (c *Client) Connections() int { return cap(c.slots) }

// Close closes idle connections. Call it once no request is in flight.
func (c *Client) Close() {
	if c.tokens != nil {
		c.tokens.Close()
	}
	c.http.CloseIdleConnections()
}

// Do sends the request and decodes the answer into out, unless out is nil. Its error is a [*target.Failure] or, once the
// context has ended, the context's error. With a context that has ended nothing is sent. A request waits while as many as
// there are connections are in flight; its time limit begins after that. The connections themselves are no bound, since
// HTTP/2 sends many requests over one.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
	}
	if err := target.Held(ctx); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	a, err := c.authorized(ctx, r, out)
	switch {
	case ContextEnded(err), (err != nil || a.err != nil) && target.Held(ctx) != nil:
		return fmt.Errorf("%s: %w", r, ctx.Err())
	case err != nil:
		return noToken(r, a.status, err)
	case a.err == nil && a.malformed == nil && a.status >= 200 && a.status < 300:
		return nil
	}
	return classify(c.api, r, a, c.now())
}

// exchange sends the request once, and measures it. token is nil for none.
func (c *Client) exchange(ctx context.Context, r Request, out any, token *auth.Token) answer {
	begin := c.now()
	spanning, span := c.startSpan(ctx, r)
	a := c.send(spanning, r, out, token)
	endSpan(span, a)
	took := c.now().Sub(begin)

	status := noAnswer
	if a.status != 0 {
		status = strconv.Itoa(a.status)
	}
	c.metrics.observe(r, status, took)
	tracing.Log(spanning, c.log.Debug()).Str("method", r.Method).Str("endpoint", r.Path).Str("id", r.ID).Str("status", status).
		Dur("took", took).Msg("registry request")
	return a
}

// send does the round trip within the time limit.
func (c *Client) send(ctx context.Context, r Request, out any, token *auth.Token) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &timeoutError{c.timeout})
	defer cancel()
	req, err := c.build(ctx, r)
	if err != nil {
		return answer{err: err}
	}
	a := answer{token: token, credential: c.keys.current.Load()}
	switch {
	case token != nil:
		req.Header.Set("Authorization", token.Authorization())
	case a.credential.header != "":
		req.Header.Set("Authorization", a.credential.header)
	}
	response, err := c.http.Do(req)
	if err != nil {
		return answer{err: transportError(ctx, err)}
	}
	defer response.Body.Close()
	a.status, a.header = response.StatusCode, response.Header
	if a.status < 200 || a.status >= 300 {
		// An incomplete body will do: the status alone decides on the class.
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
		a.body = c.redact(body, a)
		return a
	}
	body := &boundedBody{from: response.Body, left: maxItem}
	a.malformed = body.decode(out, r.Row)
	if body.failure != nil {
		return answer{err: transportError(ctx, body.failure), status: a.status}
	}
	return a
}

// redact removes the credentials from a body that quotes the request.
func (c *Client) redact(body []byte, a answer) []byte {
	if c.tokens != nil {
		return c.tokens.Redact(body, a.token)
	}
	return a.credential.redact(body)
}

// timeoutError is the absence of an answer within the limit.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.limit) }

// Unwrap lets errors.Is see a time-out.
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// transportError is the time-out, if that ended the request, or the error without its URL: the request's name replaces it.
func transportError(ctx context.Context, err error) error {
	var timeout *timeoutError
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	return TransportError(err)
}

// TransportError removes the URL, which may be secret, from an error of http.Client.
func TransportError(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// ContextEnded reports whether an error of [Client.Do] is the end of its context rather than a failure.
func ContextEnded(err error) bool {
	var failure *target.Failure
	return err != nil && !errors.As(err, &failure) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
