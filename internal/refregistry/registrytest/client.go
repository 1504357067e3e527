// Package registrytest serves reference registries within a test, and fills
// and reads them over HTTP with the v1 contract.
package registrytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// NewLabel is the body of a request that creates a label.
const NewLabel = `{"key":"team","value":"blue"}`

// Client calls one server and does not follow redirects.
type Client struct {
	testing.TB
	URL  string
	Key  string // sent as a Bearer token unless empty
	HTTP *http.Client
}

// Response is an answer with its body.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Start serves a new registry until the test ends.
func Start(t testing.TB, cfg refregistry.Config) (*refregistry.Server, *Client) {
	t.Helper()
	s := refregistry.New(cfg)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	c := srv.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s, &Client{TB: t, URL: srv.URL, Key: cfg.APIKey, HTTP: c}
}

// Clock is a time that a test sets.
type Clock struct{ Time time.Time }

// Noon returns a clock that is at noon of 4 May 2026, UTC.
func Noon() *Clock { return &Clock{time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)} }

// Now is a Config's Now.
func (c *Clock) Now() time.Time { return c.Time }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.Time = c.Time.Add(d) }

// Request returns a request with the client's key.
func (c *Client) Request(method, path, body string) *http.Request {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.URL+path, strings.NewReader(body))
	testcheck.NoError(c, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	return req
}

// Send sends a request. It may be called from any goroutine.
func (c *Client) Send(req *http.Request) (Response, error) {
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Response{res.StatusCode, res.Header, string(body)}, err
}

// Do sends a request and fails the test without an answer.
func (c *Client) Do(method, path, body string) Response {
	c.Helper()
	return c.Answer(c.Request(method, path, body))
}

// Answer is Do for a request with headers of its own.
func (c *Client) Answer(req *http.Request) Response {
	c.Helper()
	res, err := c.Send(req)
	if err != nil {
		c.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return res
}

// Must requires a status and decodes the body as T.
func Must[T any](c *Client, want int, method, path, body string) T {
	c.Helper()
	res := c.Do(method, path, body)
	if res.Status != want {
		c.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, res.Status, want, res.Body)
	}
	var out T
	if res.Body != "" {
		if err := json.Unmarshal([]byte(res.Body), &out); err != nil {
			c.Fatalf("%s %s: %v in %s", method, path, err, res.Body)
		}
	}
	return out
}

// Expect requires a status.
func (c *Client) Expect(want int, method, path, body string) {
	c.Helper()
	Must[any](c, want, method, path, body)
}

// create returns the id of what a body creates. The arguments are strings or
// encoded as JSON.
func (c *Client) create(path, format string, args ...any) int64 {
	c.Helper()
	return Must[struct{ ID int64 }](c, http.StatusCreated, "POST", path, fmt.Sprintf(format, args...)).ID
}

// Label creates a label and returns its id.
func (c *Client) Label(key, value string) int64 {
	c.Helper()
	return c.create("/labels/", `{"key":%q,"value":%q}`, key, value)
}

// Registry creates a registry and returns its id.
func (c *Client) Registry(name string) int64 {
	c.Helper()
	return c.create("/registries/", `{"name":%q,"type":"self","url":"http://%s.example.org"}`, name, name)
}

// Component creates a component and returns its id.
func (c *Client) Component(registry, name string, labels ...int64) int64 {
	c.Helper()
	return c.create("/components/", `{"registry_name":%q,"name":%q,"label_ids":%s}`, registry, name, list(labels))
}

// API creates an exposed API and returns its id.
func (c *Client) API(registry, component, name string, labels ...int64) int64 {
	c.Helper()
	return c.create("/exposed-apis/", `{"registry_name":%q,"component_name":%q,"name":%q,"url":"http://example.org/%s","label_ids":%s}`,
		registry, component, name, name, list(labels))
}

func list(ids []int64) string {
	if len(ids) == 0 {
		return "[]"
	}
	out, _ := json.Marshal(ids) // integers always encode
	return string(out)
}

// Seeded is Start with the content of Seed.
func Seeded(t testing.TB, cfg refregistry.Config) (*refregistry.Server, *Client) {
	t.Helper()
	s, c := Start(t, cfg)
	c.Seed()
	return s, c
}

// Seed creates labels 1 and 2, registries 1 ("self") and 2 ("up"), components 1
// ("catalog", both labels) and 2 ("inventory"), APIs 1 and 2 of catalog
// ("tmf620" with label 1, "metrics") and 3 of inventory ("tmf637").
func (c *Client) Seed() {
	c.Helper()
	c.Label("team", "blue")
	c.Label("domain", "product")
	c.Registry("self")
	c.Registry("up")
	c.Component("self", "catalog", 1, 2)
	c.Component("self", "inventory")
	c.API("self", "catalog", "tmf620", 1)
	c.API("self", "catalog", "metrics")
	c.API("self", "inventory", "tmf637")
}

// Names maps items to names; the result is not nil.
func Names[V any](items []V, name func(V) string) []string {
	out := []string{}
	for _, item := range items {
		out = append(out, name(item))
	}
	return out
}

var createdAt = regexp.MustCompile(`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?"`)

// Timeless makes a body comparable: every well-formed time becomes "T".
func Timeless(body string) string { return createdAt.ReplaceAllString(body, `"created_at":"T"`) }

// Same compares with cmp.Diff.
func Same[T any](t testing.TB, want, got T) {
	t.Helper()
	testcheck.Equal(t, "difference", want, got)
}

// Eventually polls until a condition holds.
func Eventually(t testing.TB, holds func() bool) {
	t.Helper()
	testwait.Until(t, "the condition", holds)
}
