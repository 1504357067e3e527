package registry

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a reference registry behind real HTTP.
type harness struct {
	*refregistry.Server
	*registrytest.Client
}

func newHarness(t *testing.T, cfg refregistry.Config) *harness {
	t.Helper()
	server, client := registrytest.Start(t, cfg)
	return &harness{server, client}
}

// fault answers every request with the fault.
func (h *harness) fault(fault faults.Fault) {
	h.SetFault(func(*http.Request) *faults.Fault { return &fault })
}

func (h *harness) client(changes ...func(*Config)) *Client {
	return h.clientWith(prometheus.NewRegistry(), zerolog.Nop(), changes...)
}

func (h *harness) clientWith(registerer prometheus.Registerer, log zerolog.Logger, changes ...func(*Config)) *Client {
	h.Helper()
	cfg := Config{
		URL: h.URL, Timeout: config.Duration(20 * time.Second), Name: "self", NameFormat: FormatName,
		Segments: []component.Segment{component.SegmentCore}, API: APIAuto, IDPrefix: "self", MaxConnections: 256,
	}
	for _, change := range changes {
		change(&cfg)
	}
	testcheck.NoError(h, cfg.Validate())
	c := NewClient(cfg, "v1", NewMetrics(registerer), log)
	h.Cleanup(c.Close)
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
func getLabels(t *testing.T, c *Client) error {
	return c.Do(t.Context(), Request{Method: http.MethodGet, Path: labels.Path}, new([]label))
}
