package refregistry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// client calls one server and does not follow redirects, so that they show.
type client struct {
	t    *testing.T
	base string
	key  string
	http *http.Client
}

type response struct {
	status int
	header http.Header
	body   string
}

func start(t *testing.T, cfg Config) (*Server, *client) {
	t.Helper()
	s := New(cfg)
	return s, serving(t, s)
}

func serving(t *testing.T, s *Server) *client {
	t.Helper()
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	c := srv.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{t: t, base: srv.URL, key: s.cfg.APIKey, http: c}
}

func (c *client) request(method, path, body string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return req
}

func (c *client) send(req *http.Request) (response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(body)}, err
}

func (c *client) do(method, path, body string) response {
	c.t.Helper()
	res, err := c.send(c.request(method, path, body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

// must demands a status and decodes the body as T.
func must[T any](c *client, want int, method, path, body string) T {
	c.t.Helper()
	res := c.do(method, path, body)
	if res.status != want {
		c.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, res.status, want, res.body)
	}
	var out T
	if res.body != "" {
		if err := json.Unmarshal([]byte(res.body), &out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, res.body)
		}
	}
	return out
}

func (c *client) label(key, value string) int64 {
	c.t.Helper()
	return must[labelRow](c, 201, "POST", "/labels/", fmt.Sprintf(`{"key":%q,"value":%q}`, key, value)).ID
}

func (c *client) registry(name string) int64 {
	c.t.Helper()
	body := fmt.Sprintf(`{"name":%q,"type":"self","url":"http://%s.example.org"}`, name, name)
	return must[registryView](c, 201, "POST", "/registries/", body).ID
}

func (c *client) component(registry, name string, labels ...int64) int64 {
	c.t.Helper()
	body := fmt.Sprintf(`{"registry_name":%q,"name":%q,"label_ids":%s}`, registry, name, list64(labels))
	return must[componentView](c, 201, "POST", "/components/", body).ID
}

func (c *client) api(registry, component, name string, labels ...int64) int64 {
	c.t.Helper()
	body := fmt.Sprintf(`{"registry_name":%q,"component_name":%q,"name":%q,"url":"http://example.org/%s","label_ids":%s}`,
		registry, component, name, name, list64(labels))
	return must[apiView](c, 201, "POST", "/exposed-apis/", body).ID
}

func list64(ids []int64) string {
	if len(ids) == 0 {
		return "[]"
	}
	out, _ := json.Marshal(ids) // integers always encode
	return string(out)
}

func names[V any](items []V, name func(V) string) []string {
	out := []string{}
	for _, item := range items {
		out = append(out, name(item))
	}
	return out
}

func apiName(a apiView) string             { return a.Name }
func componentName(c componentView) string { return c.Name }

var createdAt = regexp.MustCompile(`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?"`)

// timeless makes a body comparable: every well-formed time becomes "T".
func timeless(body string) string {
	return createdAt.ReplaceAllString(body, `"created_at":"T"`)
}

func same[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}
