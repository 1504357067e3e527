package observability

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestPrometheus_AnswersEveryQuery is the only test: its parts query one Prometheus that has scraped one run.
func TestPrometheus_AnswersEveryQuery(t *testing.T) {
	const namespace = "observed"
	env := &pipeline{Env: testenv.New(t, shared, namespace), namespace: namespace}
	targets := env.start()
	p := startPrometheus(env.Env, t, targets)
	env.Eventually(testenv.Timeout, "every process is scraped", func() error {
		answers, err := p.now("up == 1")
		if err == nil && answers != len(targets) {
			err = fmt.Errorf("%d of %d are", answers, len(targets))
		}
		return err
	})
	began := time.Now()
	env.work(workingTime(t))
	// The drift was introduced last: once it is detected, repaired and scraped, all metrics have values.
	env.Eventually(testenv.Timeout, "the drift shows", func() error {
		answers, err := p.now(`sum(odasync_drift_total{problem="missing"}) > 0`)
		if err == nil && answers == 0 {
			err = fmt.Errorf("no drift counted")
		}
		return err
	})
	ended := time.Now()
	names, err := p.values("__name__")
	env.Must(err)

	t.Run("dashboards", func(t *testing.T) { testDashboards(t, p, began, ended) })
	t.Run("alerts", func(t *testing.T) { testAlerts(t, p, names) })
	t.Run("metrics", func(t *testing.T) { testMetrics(t, targets, names) })
}

// testDashboards evaluates every query of every panel. All of them must return data.
func testDashboards(t *testing.T, p *prometheus, began, ended time.Time) {
	for name, d := range dashboards(t) {
		fill, err := d.filled(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var shown []picture
		for _, panel := range d.Panels {
			drawn := picture{panel: panel}
			for _, query := range panel.Targets {
				expr := fill(query.Expr)
				answers, err := p.over(expr, began, ended)
				if err != nil || len(answers) == 0 {
					t.Errorf("%s: %s: %d answers: %v: %s", name, panel.Title, len(answers), err, expr)
				}
				for _, answer := range answers {
					drawn.lines = append(drawn.lines, line{legend(query.LegendFormat, answer.labels), answer.points})
				}
				if now, err := p.now(expr); err != nil || panel.Type == "stat" && now == 0 {
					t.Errorf("%s: %s: now %d answers: %v: %s", name, panel.Title, now, err, expr)
				}
			}
			shown = append(shown, drawn)
		}
		screenshot(t, name, draw(t, d.Title, shown, began, ended))
	}
}

// metricName matches odasync's and process metrics in an expression.
var metricName = regexp.MustCompile(`\b(oda(sync|_collector)_[a-z_]+|process_[a-z_]+)\b`)

// exporterMetric matches a metric of NATS's exporter in an expression.
var exporterMetric = regexp.MustCompile(`\bjetstream_server_[a-z_]+\b`)

// testAlerts evaluates every expression of the rules, and checks the states of the alerts in Prometheus.
func testAlerts(t *testing.T, p *prometheus, names []string) {
	all, err := p.alerts()
	testcheck.NoError(t, err)
	states := map[string]string{}
	for _, rule := range all {
		states[rule.Name] = rule.State
		if rule.Health != "ok" || rule.LastError != "" {
			t.Errorf("%s: %s: %s", rule.Name, rule.Health, rule.LastError)
		}
		if _, err := p.now(rule.Query); err != nil {
			t.Errorf("%s: %v: %s", rule.Name, err, rule.Query)
		}
		if exporterMetric.MatchString(rule.Query) {
			continue // its exporter does not run here
		}
		found := metricName.FindAllString(rule.Query, -1)
		if len(found) == 0 {
			t.Errorf("%s uses no metric of odasync: %s", rule.Name, rule.Query)
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				t.Errorf("%s uses %s, which no process has", rule.Name, name)
			}
		}
		for _, each := range rule.Alerts {
			for name, text := range each.Annotations {
				if strings.Contains(text, "error expanding") || strings.Contains(text, "<no value>") {
					t.Errorf("%s: %s: %s", rule.Name, name, text)
				}
			}
		}
	}
	// One Component is malformed and one is rejected; everything else is in order.
	for name, want := range map[string]string{
		"OdasyncComponentsNotPublished": "firing", "OdasyncDeadLetters": "pending", "OdasyncNoLeader": "inactive", "OdasyncTwoLeaders": "inactive",
		"OdasyncNoSyncer": "inactive", "OdasyncRegistryAway": "inactive", "OdasyncDeletionsPendingApproval": "inactive", "OdasyncOrphansPendingApproval": "inactive",
	} {
		testcheck.Equal(t, name, want, states[name])
	}
}

// testMetrics compares the scraped metrics with the table in docs/observability.md, and lints them.
func testMetrics(t *testing.T, targets []target, names []string) {
	root := testcheck.Must(procs.Root())
	text := testcheck.Must(os.ReadFile(filepath.Join(root, "docs", "observability.md")))
	rows := regexp.MustCompile("(?m)^\\| `(oda[a-z_]+)` \\| \\w+ \\| (\\w+) ").FindAllStringSubmatch(string(text), -1)
	documented := map[string]bool{}
	for _, row := range rows {
		if row[2] == "histogram" {
			row[1] += "_bucket"
		}
		documented[strings.TrimSuffix(row[1], "_bucket")] = true
		if !slices.Contains(names, row[1]) {
			t.Errorf("no process has %s", row[1])
		}
	}
	for _, name := range names {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if strings.HasPrefix(name, "oda") && !documented[name] {
			t.Errorf("docs/observability.md does not document %s", name)
		}
	}
	for _, from := range targets {
		request := testcheck.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+from.address+"/metrics", nil))
		answer, err := http.DefaultClient.Do(request)
		testcheck.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		testcheck.NoError(t, err)
		problems, err := promlint.New(strings.NewReader(string(text))).Lint()
		testcheck.NoError(t, err)
		for _, problem := range problems {
			t.Errorf("%s: %s: %s", from.pod, problem.Metric, problem.Text)
		}
	}
}
