package observability

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// scrapeEvery is the interval of scrapes and of rule evaluations.
const scrapeEvery = time.Second

// target is a scraped process, with the labels that it would have in Kubernetes.
type target struct {
	job, pod, address string
}

// prometheus is a running server.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus runs a server that scrapes the targets and evaluates the chart's rules, until the test ends.
func startPrometheus(env *testenv.Env, t *testing.T, targets []target) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("%v: install it (Debian and Ubuntu: apt-get install prometheus)", err)
	}
	root, err := procs.Root()
	env.Must(err)
	type node = map[string]any
	var scrapes []node
	for _, to := range targets {
		scrapes = append(scrapes, node{
			"job_name": to.pod, // unique; queries use the label
			"static_configs": []node{{"targets": []string{to.address}, "labels": node{
				"namespace": "canvas", "job": to.job, "pod": to.pod, "instance": to.pod,
			}}},
		})
	}
	config, err := yaml.Marshal(node{
		"global":     node{"scrape_interval": scrapeEvery.String(), "scrape_timeout": scrapeEvery.String(), "evaluation_interval": scrapeEvery.String()},
		"rule_files": []string{filepath.Join(root, "deploy", "chart", "files", "alerts.yaml")}, "scrape_configs": scrapes,
	})
	env.Must(err)
	folder := t.TempDir()
	file := filepath.Join(folder, "prometheus.yaml")
	env.Must(os.WriteFile(file, config, 0o600))
	port, err := procs.FreePort()
	env.Must(err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	output, err := os.Create(filepath.Join(folder, "log"))
	env.Must(err)
	server := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)
	server.Stdout, server.Stderr = output, output
	env.Must(server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := server.Wait(); err != nil || t.Failed() {
			text, _ := os.ReadFile(output.Name()) // for the log alone
			t.Logf("prometheus: %v\n%s", err, text[max(0, len(text)-4000):])
		}
		_ = output.Close() // all is written
	})
	p := &prometheus{t: t, url: "http://" + address}
	env.Eventually(testenv.Timeout, "prometheus is ready", func() error { return p.ask("/-/ready", nil, nil) })
	return p
}

// ask gets a path, and decodes the data of the response unless into is nil.
func (p *prometheus) ask(path string, parameters url.Values, into any) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+parameters.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", path, answer.Status)
		}
		return nil
	}
	var body struct {
		Status, Error string
		Warnings      []string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return fmt.Errorf("%s: %s: %w", path, answer.Status, err)
	}
	if body.Status != "success" || len(body.Warnings) > 0 {
		return fmt.Errorf("%s: %s: %s %v", path, answer.Status, body.Error, body.Warnings)
	}
	return json.Unmarshal(body.Data, into)
}

// series is one result of a query.
type series struct {
	labels map[string]string
	points []point
}

// point is a value at a time, in Unix seconds.
type point struct{ at, value float64 }

// over evaluates a query over a time range.
func (p *prometheus) over(expr string, from, to time.Time) ([]series, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
	err := p.ask("/api/v1/query_range", url.Values{
		"query": {expr}, "start": {unix(from)}, "end": {unix(to)}, "step": {scrapeEvery.String()},
	}, &data)
	var all []series
	for _, result := range data.Result {
		s := series{labels: result.Metric}
		for _, pair := range result.Values {
			value, valueErr := strconv.ParseFloat(pair[1].(string), 64)
			if valueErr != nil {
				return nil, valueErr
			}
			if value == value { // not a number where there was nothing to divide by
				s.points = append(s.points, point{pair[0].(float64), value})
			}
		}
		if len(s.points) > 0 {
			all = append(all, s)
		}
	}
	return all, err
}

// now evaluates a query at this moment.
func (p *prometheus) now(expr string) (answers int, err error) {
	var data struct{ Result []any }
	err = p.ask("/api/v1/query", url.Values{"query": {expr}}, &data)
	return len(data.Result), err
}

// values lists the values of a label, of the series that match.
func (p *prometheus) values(label string, match ...string) (all []string, err error) {
	err = p.ask("/api/v1/label/"+label+"/values", url.Values{"match[]": match}, &all)
	return all, err
}

// alert is an alerting rule with its state.
type alert struct {
	Name, Query, Health, State, LastError string
	Alerts                                []struct {
		State       string
		Annotations map[string]string
	}
}

// alerts lists the alerting rules.
func (p *prometheus) alerts() (all []alert, err error) {
	var data struct {
		Groups []struct{ Rules []alert }
	}
	err = p.ask("/api/v1/rules", nil, &data)
	for _, group := range data.Groups {
		all = append(all, group.Rules...)
	}
	return all, err
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
