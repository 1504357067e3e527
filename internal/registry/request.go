package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/target"
	"odasync/internal/tracing"
)

// UserAgent is what odasync calls itself.
const UserAgent = "odasync"

// idParameter is the part of a path template that an id replaces.
const idParameter = "{id}"

// Request is one call of the registry.
type Request struct {
	Method string
	Path   string // a template, such as /components/{id}, in metrics, traces and errors; the base path is not part of it
	ID     string // replaces {id}
	Query  url.Values
	Body   any // sent as JSON; nil for none
	// Row decodes the next row of an answer that is a list; nil where the answer is one item.
	Row func(*jsontext.Decoder) error
}

// String returns the method and the path template.
func (r Request) String() string { return r.Method + " " + r.Path }

func (r Request) kind() pathKind {
	if strings.Contains(r.Path, idParameter) {
		return item
	}
	return collection
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
	req.URL = c.target(r) // set here, since NewRequest would parse its text again
	req.Host = req.URL.Host
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", UserAgent)
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	tracing.InjectHTTP(ctx, req.Header)
	return req, nil
}

// target returns the request's URL, without user and password.
func (c *Client) target(r Request) *url.URL {
	target := *c.base
	target.Path += strings.ReplaceAll(r.Path, idParameter, r.ID)
	target.RawPath = c.base.EscapedPath() + strings.ReplaceAll(r.Path, idParameter, url.PathEscape(r.ID))
	target.RawQuery = r.Query.Encode()
	return &target
}

// Session sends the requests of one apply or delete and counts them. It is not safe for concurrent use.
type Session struct {
	client *Client
	// requests counts all requests, writes those that changed the component's own content.
	requests, writes int
}

// NewSession begins to count.
func (c *Client) NewSession() *Session { return &Session{client: c} }

// Do is [Client.Do].
func (s *Session) Do(ctx context.Context, r Request, out any) error {
	err := s.DoShared(ctx, r, out)
	if err == nil && r.Method != http.MethodGet {
		s.writes++
	}
	return err
}

// DoShared is Do for content that all components share: a write does not count as a write of the component.
func (s *Session) DoShared(ctx context.Context, r Request, out any) error {
	s.requests++
	return s.client.Do(ctx, r, out)
}

// Result reports the requests so far, with the reference that the apply or delete leaves.
func (s *Session) Result(ref target.Ref) target.Result {
	return target.Result{Ref: ref, Requests: s.requests, Writes: s.writes}
}
