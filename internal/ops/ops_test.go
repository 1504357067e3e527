package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"odasync/internal/ops"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(change func(*ops.Config)) ops.Config {
	c := ops.Config{Monitoring: true, Host: "127.0.0.1", Endpoint: "/metrics", LogLevel: "INFO", LogFormat: "json"}
	if change != nil {
		change(&c)
	}
	return c
}

func quiet() *ops.Logs { return ops.NewLogs(config(nil), io.Discard) }

func TestConfig_NamesEveryProblem(t *testing.T) {
	tests := map[string]struct {
		change func(*ops.Config)
		want   []string // parts of the error; none for a good configuration
	}{
		"defaults":            {},
		"any free port":       {change: func(c *ops.Config) { c.Port = 0 }},
		"Python's level":      {change: func(c *ops.Config) { c.LogLevel = "Warning" }},
		"unknown level":       {change: func(c *ops.Config) { c.LogLevel = "LOUD" }, want: []string{`LOG_LEVEL is "LOUD"`}},
		"unknown format":      {change: func(c *ops.Config) { c.LogFormat = "xml" }, want: []string{`LOG_FORMAT is "xml"`}},
		"port too high":       {change: func(c *ops.Config) { c.Port = 65536 }, want: []string{"MONITORING_PORT is 65536"}},
		"endpoint on health":  {change: func(c *ops.Config) { c.Endpoint = "/readyz" }, want: []string{`MONITORING_ENDPOINT is "/readyz"`}},
		"endpoint no path":    {change: func(c *ops.Config) { c.Endpoint = "metrics" }, want: []string{`MONITORING_ENDPOINT is "metrics"`}},
		"all of them at once": {change: func(c *ops.Config) { *c = ops.Config{Port: -1} }, want: []string{"LOG_LEVEL", "LOG_FORMAT", "MONITORING_PORT", "MONITORING_ENDPOINT"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := config(test.change).Validate()
			if len(test.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, part := range test.want {
				testcheck.ErrorContains(t, err, part)
			}
		})
	}
}

func TestHealthSaysWhatIsMissing(t *testing.T) {
	health := new(ops.Health)
	server := httptest.NewServer(ops.Handler(config(nil), ops.NewRegistry(), health, quiet()))
	defer server.Close()
	expect := func(path string, status int, body string) {
		t.Helper()
		gotStatus, gotBody := get(t, server.URL+path)
		if gotStatus != status || gotBody != body {
			t.Errorf("%s: %d %q, want %d %q", path, gotStatus, gotBody, status, body)
		}
	}
	expect("/readyz", 200, "ready\n")
	expect("/livez", 200, "live\n")

	health.Ready("nats", func(context.Context) error { return nil })
	health.Ready("registry", func(context.Context) error { return errors.New("GET /health: connection refused") })
	health.Live("loop", func(context.Context) error { return nil })
	expect("/readyz", 503, "ok  nats\nnot registry: GET /health: connection refused\nnot ready\n")
	expect("/livez", 200, "ok  loop\nlive\n")
	expect("/healthz", 503, "ok  loop\nok  nats\nnot registry: GET /health: connection refused\nnot healthy\n")

	health.Ready("registry", func(context.Context) error { return nil })
	health.Live("loop", func(context.Context) error { return errors.New("does not run") })
	expect("/readyz", 200, "ok  nats\nok  registry\nready\n")
	expect("/livez", 503, "not loop: does not run\nnot live\n")
}

func TestMetricsAreClean(t *testing.T) {
	registry := ops.NewRegistry()
	problems, err := testutil.GatherAndLint(registry, "odasync_build_info")
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	server := httptest.NewServer(ops.Handler(config(nil), registry, new(ops.Health), quiet()))
	defer server.Close()
	if status, body := get(t, server.URL+"/metrics"); status != 200 || !strings.Contains(body, "odasync_build_info{") {
		t.Errorf("metrics: %d, build info: %v", status, strings.Contains(body, "odasync_build_info{"))
	}
}

func TestServe_UntilTheContextEnds(t *testing.T) {
	var log bytes.Buffer
	run, err := ops.Serve(config(nil), ops.NewRegistry(), new(ops.Health), ops.NewLogs(config(nil), &log))
	testcheck.NoError(t, err)
	address := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(log.String())
	if address == nil {
		t.Fatalf("no address in the log: %s", log.String())
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	if status, _ := get(t, "http://"+address[1]+"/livez"); status != 200 {
		t.Errorf("livez: %d", status)
	}
	stop()
	testcheck.ErrorIs(t, "run", nil, <-ended)
}

func TestServe_NamesTheVariableOfAPortInUse(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	cfg := config(func(c *ops.Config) { c.Port = taken.Listener.Addr().(*net.TCPAddr).Port })
	if _, err := ops.Serve(cfg, ops.NewRegistry(), new(ops.Health), quiet()); err == nil || !strings.Contains(err.Error(), "MONITORING_PORT") {
		t.Errorf("error = %v, want one that names MONITORING_PORT", err)
	}
}

func TestLogLevelsAndFormats(t *testing.T) {
	tests := map[string]struct {
		level string
		want  []string
	}{
		"DEBUG":   {"DEBUG", []string{"debug", "info", "warn"}},
		"info":    {"info", []string{"info", "warn"}},
		"WARNING": {"WARNING", []string{"warn"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := ops.NewLogger(config(func(c *ops.Config) { c.LogLevel = test.level }), &out)
			log.Debug().Msg("m")
			log.Info().Msg("m")
			log.Warn().Msg("m")
			var got []string
			for line := range strings.Lines(out.String()) {
				var entry struct{ Level string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				got = append(got, entry.Level)
			}
			if strings.Join(got, " ") != strings.Join(test.want, " ") {
				t.Errorf("levels %v, want %v", got, test.want)
			}
		})
	}
	var out bytes.Buffer
	console := ops.NewLogger(config(func(c *ops.Config) { c.LogFormat = "console" }), &out)
	console.Info().Str("component", "catalog").Msg("registry updated")
	testcheck.Contains(t, "the console", out.String(), "INF registry updated component=catalog")
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	testcheck.NoError(t, err)
	defer response.Body.Close()
	body := testcheck.Must(io.ReadAll(response.Body))
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, string(body)
}

func TestReadyMetric(t *testing.T) {
	registry, health := prometheus.NewPedanticRegistry(), new(ops.Health)
	ops.RegisterReady(registry, health)
	expect := func(lines ...string) {
		t.Helper()
		want := "# HELP odasync_ready 1 for each check of /readyz that succeeds, 0 for each that fails.\n" +
			"# TYPE odasync_ready gauge\n" + strings.Join(lines, "\n") + "\n"
		testcheck.ErrorIs(t, "metric", nil, testutil.GatherAndCompare(registry, strings.NewReader(want), "odasync_ready"))
	}
	health.Live("loop", func(context.Context) error { return errors.New("stuck") }) // not what is asked for
	health.Ready("nats", func(context.Context) error { return nil })
	health.Ready("registry", func(context.Context) error { return errors.New("connection refused") })
	expect(`odasync_ready{check="nats"} 1`, `odasync_ready{check="registry"} 0`)
	health.Ready("registry", func(context.Context) error { return nil })
	expect(`odasync_ready{check="nats"} 1`, `odasync_ready{check="registry"} 1`)
}
