package registry

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a reference registry behind real HTTP.
type harness struct {
	*refregistry.Server
	t   *testing.T
	url string
}

func newHarness(t *testing.T, cfg refregistry.Config) *harness {
	t.Helper()
	h := &harness{Server: refregistry.New(cfg), t: t}
	h.url = serve(t, h.Handler())
	return h
}

func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// fault answers every request with the fault.
func (h *harness) fault(fault faults.Fault) {
	h.SetFault(func(*http.Request) *faults.Fault { return &fault })
}

func (h *harness) client(changes ...func(*Config)) *Client {
	return h.clientWith(prometheus.NewRegistry(), zerolog.Nop(), changes...)
}

func (h *harness) clientWith(registerer prometheus.Registerer, log zerolog.Logger, changes ...func(*Config)) *Client {
	h.t.Helper()
	cfg := Config{
		URL: h.url, Timeout: config.Duration(20 * time.Second), Name: "self", NameFormat: FormatName,
		Segments: []component.Segment{component.SegmentCore},
	}
	for _, change := range changes {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		h.t.Fatal(err)
	}
	c := NewClient(cfg, "v1", NewMetrics(registerer), log)
	h.t.Cleanup(c.Close)
	return c
}

// label is a row of the collection that the tests read.
type label struct {
	ID    int64  `json:"id"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

var labels = Pages[label]{Path: "/labels/", Offset: "skip", Limit: "limit", Size: 1000, ID: func(l *label) int64 { return l.ID }}

// getLabels reads one page.
func getLabels(c *Client, t *testing.T) error {
	return c.Do(t.Context(), Request{Method: http.MethodGet, Path: labels.Path}, new([]label))
}

// send sends a request that is no client's.
func (h *harness) send(method, path string, body any) {
	h.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(method, h.url+path, bytes.NewReader(encoded))
	if err != nil {
		h.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		h.t.Fatalf("%s %s: HTTP %d", method, path, response.StatusCode)
	}
}

// wantFailure checks the class of a failure, and that its text contains all the parts.
func wantFailure(t *testing.T, err error, class target.Class, parts ...string) *target.Failure {
	t.Helper()
	failure, ok := AsFailure(err)
	if !ok {
		t.Fatalf("error = %v, want a failure of class %s", err, class)
	}
	if failure.Class != class {
		t.Errorf("class of %q = %s, want %s", err, failure.Class, class)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	return failure
}
