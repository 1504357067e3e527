package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"odasync/internal/target"
	"odasync/internal/tracing"
)

const (
	userAgent = "odasync"
	// maxConnections is above any sensible number of concurrent applies, so that none waits for a new connection.
	maxConnections = 256
	// idleTimeout is below the 5 s after which uvicorn, which serves the registry, closes an idle connection: a write
	// on a connection that is just being closed fails with its outcome unknown.
	idleTimeout = 4 * time.Second
	// maxItem bounds an answer, and of a page each row.
	MaxItem = 1 << 20
	// maxErrorBody bounds what words are looked for in.
	maxErrorBody = 64 << 10
)

// request is one call of the registry.
type Request struct {
	Method string
	Path   string // a path template, such as /components/{id}
	ID     int64  // stands for {id}
	Query  url.Values
	Body   any
	// row takes the next row off an answer that is a list; nil where the answer is one item.
	Row func(*jsontext.Decoder) error
}

func (r Request) String() string { return r.Method + " " + r.Path }

func (r Request) kind() pathKind {
	if strings.Contains(r.Path, "{id}") {
		return item
	}
	return collection
}

// client sends requests, times them and turns whatever is not success into a failure.
type Client struct {
	api     string // what the registry speaks, for messages
	http    *http.Client
	base    *url.URL // without user
	auth    string   // the Authorization header; empty for none
	secret  string   // what must not appear in words, should the registry echo it
	timeout time.Duration
	metrics *Metrics
	log     zerolog.Logger
	now     func() time.Time
}

// newClient expects a configuration that has passed Validate. The API names what the registry speaks, for messages.
func NewClient(cfg Config, api string, metrics *Metrics, log zerolog.Logger) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = maxConnections
	transport.MaxIdleConnsPerHost = maxConnections
	transport.IdleConnTimeout = idleTimeout
	c := &Client{
		http: &http.Client{
			Transport: transport,
			// A redirect turns a POST into a GET, or carries the key to another host. It is a wrong URL: say so.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		api: api, timeout: time.Duration(cfg.Timeout), metrics: metrics, log: log, now: time.Now,
	}
	base, err := url.Parse(cfg.URL)
	if err != nil { // Validate has refused it
		base = &url.URL{}
	}
	c.secret = cfg.APIKey.Reveal()
	if c.secret != "" {
		c.auth = "Bearer " + c.secret
	} else if base.User != nil {
		c.secret, _ = base.User.Password()
		basic := http.Request{Header: http.Header{}}
		basic.SetBasicAuth(base.User.Username(), c.secret)
		c.auth = basic.Header.Get("Authorization")
	}
	c.base, _ = url.Parse(publicURL(base)) // it was just printed
	return c
}

// close gives up idle connections. Call it when no request is under way any more.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends the request and decodes the answer into out, unless that is nil. Its error is a *syncer.Failure or, once the
// caller's context has ended, that context's error. After such an end nothing is sent.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	if err := target.Held(ctx); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	begin := c.now()
	spanning, span := c.traced(ctx, r)
	a := c.send(spanning, r, out)
	concluded(span, a)
	took := c.now().Sub(begin)

	status := noAnswer
	if a.status != 0 {
		status = strconv.Itoa(a.status)
	}
	c.metrics.calls.WithLabelValues(r.Method, r.Path, status).Inc()
	c.metrics.duration.WithLabelValues(r.Method, r.Path).Observe(took.Seconds())
	tracing.Log(spanning, c.log.Debug()).Str("method", r.Method).Str("endpoint", r.Path).Int64("id", r.ID).Str("status", status).
		Dur("took", took).Msg("registry request")

	if a.err == nil && a.unreadable == nil && a.status >= 200 && a.status < 300 {
		return nil
	}
	if a.err != nil && target.Held(ctx) != nil {
		return fmt.Errorf("%s: %w", r, ctx.Err())
	}
	return classify(c.api, r.String(), r.kind(), a, c.now())
}

// send does the round trip within the time limit.
func (c *Client) send(ctx context.Context, r Request, out any) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &timeoutError{c.timeout})
	defer cancel()
	req, err := c.build(ctx, r)
	if err != nil {
		return answer{err: err}
	}
	response, err := c.http.Do(req)
	if err != nil {
		return answer{err: transportError(ctx, err)}
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.status < 200 || a.status >= 300 {
		// What can be read of the words is enough: the status alone decides.
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
		a.body = c.redact(body)
		return a
	}
	body := &bounded{from: response.Body, left: MaxItem}
	if r.Row != nil {
		err = decodeRows(body, r.Row)
	} else {
		var whole []byte
		if whole, err = io.ReadAll(body); err == nil && out != nil {
			err = json.Unmarshal(whole, out, lenient)
		}
	}
	if body.failure != nil {
		return answer{err: transportError(ctx, body.failure), status: a.status}
	}
	a.unreadable = err
	return a
}

// lenient takes what encoding/json takes.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// decodeRows has each row of a list taken off the body, which never is in memory as a whole.
func decodeRows(body *bounded, row func(*jsontext.Decoder) error) error {
	decoder := jsontext.NewDecoder(body, lenient)
	if begin, err := decoder.ReadToken(); err != nil {
		return err
	} else if begin.Kind() != '[' {
		return errors.New("it is no list")
	}
	for decoder.PeekKind() != ']' {
		body.left = MaxItem
		if err := row(decoder); err != nil {
			return err
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, body) // or the connection would not be used again
	return err
}

// bounded reads a body of which nobody knows how long it is.
type bounded struct {
	from    io.Reader
	left    int   // how much may still come
	failure error // of the transport
}

var errTooLong = fmt.Errorf("an item of it is larger than %d MiB", MaxItem>>20)

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && err != io.EOF {
		b.failure = err
	}
	return n, err
}

func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		encoded, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", r, err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "", body)
	if err != nil {
		return nil, err
	}
	req.URL = c.target(r) // which it would print and parse again
	req.Host = req.URL.Host
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	tracing.InjectHTTP(ctx, req.Header)
	return req, nil
}

// target is the request's URL, without user.
func (c *Client) target(r Request) *url.URL {
	target := *c.base
	target.Path += strings.ReplaceAll(r.Path, "{id}", strconv.FormatInt(r.ID, 10))
	target.RawPath = ""
	target.RawQuery = r.Query.Encode()
	return &target
}

// redact keeps the key out of words that quote the request.
func (c *Client) redact(body []byte) []byte {
	if c.secret == "" {
		return body
	}
	_, credentials, _ := strings.Cut(c.auth, " ") // of a user and a password in one
	body = bytes.ReplaceAll(body, []byte(credentials), []byte("***"))
	return bytes.ReplaceAll(body, []byte(c.secret), []byte("***"))
}

// timeoutError is the registry's silence.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.limit) }

// Unwrap lets errors.Is see a time-out.
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// transportError takes off what http.Client wraps around an error: the URL, which the request's name replaces.
func transportError(ctx context.Context, err error) error {
	var silence *timeoutError
	if errors.As(context.Cause(ctx), &silence) {
		return silence
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// contextEnded says whether an error is the end of a caller's context: everything else is a failure.
func ContextEnded(err error) bool {
	var failure *target.Failure
	return err != nil && !errors.As(err, &failure) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
