package listwatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/util/wait"

	"odasync/internal/component"
	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/logtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// closes sends the events and ends the watch as at its timeout.
func closes(events ...map[string]any) kubetest.Answer {
	return func(w http.ResponseWriter, _ *http.Request) { send(w, events) }
}

// holds sends the events and then nothing more.
func holds(events ...map[string]any) kubetest.Answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, events)
		<-r.Context().Done()
	}
}

// cuts sends the events and breaks the connection.
func cuts(events ...map[string]any) kubetest.Answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		send(w, events)
		_, _ = w.Write([]byte(`{"type":"ADD`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func send(w http.ResponseWriter, events []map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	for _, event := range events {
		_ = encoder.Encode(event)
	}
	_ = http.NewResponseController(w).Flush()
}

func added(namespace, name, version string) map[string]any {
	return map[string]any{"type": "ADDED", "object": kubetest.Object(namespace, name, version)}
}

func modified(namespace, name, version string) map[string]any {
	return map[string]any{"type": "MODIFIED", "object": kubetest.Object(namespace, name, version)}
}

func deleted(namespace, name, version string) map[string]any {
	return map[string]any{"type": "DELETED", "object": kubetest.Object(namespace, name, version)}
}

func bookmark(version string) map[string]any {
	return map[string]any{"type": "BOOKMARK", "object": map[string]any{"kind": "Component", "metadata": map[string]any{"resourceVersion": version}}}
}

// ends is the bookmark at the end of the initial events.
func ends(version string) map[string]any {
	mark := bookmark(version)
	mark["object"].(map[string]any)["metadata"].(map[string]any)["annotations"] = map[string]any{"k8s.io/initial-events-end": "true"}
	return mark
}

func failed(code int, reason, message string) map[string]any {
	return map[string]any{"type": "ERROR", "object": kubetest.Status(code, reason, message)}
}

// recorder is an observer that records the calls, one line each.
type recorder struct {
	mu      sync.Mutex
	resyncs uint64
	lines   []string

	sources  map[string]uint64 // of the readable components, by name
	compares bool
}

// compare makes known what was observed: until then, every component is to be read.
func (r *recorder) compare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compares = true
}

func (r *recorder) add(format string, values ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, values...))
}

func (r *recorder) Begin(scope component.Scope) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resyncs++
	r.add("begin %d %s", r.resyncs, scope)
	return r.resyncs
}

func (r *recorder) Unchanged(generation uint64, namespace, name string, source uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.compares || r.sources[namespace+"/"+name] != source {
		return false
	}
	r.add("%d unchanged %s/%s", generation, namespace, name)
	return true
}

func (r *recorder) Observe(_ context.Context, generation uint64, seen component.Observation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := "seen"
	if seen.Deleted {
		what = "gone"
	} else if seen.Err != nil {
		what = "malformed"
	} else if seen.Component == nil || seen.Component.Name != seen.Name {
		what = "empty"
	}
	if seen.Seen.IsZero() || seen.UID == "" {
		what += " incomplete"
	}
	if seen.Component != nil {
		for _, api := range seen.Component.ExposedAPIs {
			seen.ResourceVersion += fmt.Sprintf(" %s %s %v", api.Object, api.URL, api.Ready)
		}
	}
	if seen.Err == nil {
		r.sources[seen.Namespace+"/"+seen.Name] = seen.Source
	}
	r.add("%d %s %s/%s@%s", generation, what, seen.Namespace, seen.Name, seen.ResourceVersion)
	return nil
}

func (r *recorder) End(_ context.Context, generation uint64, scope component.Scope, _ component.Resync) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add("end %d %s", generation, scope)
	return nil
}

func (r *recorder) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// running is a Source that watches a scripted server.
type running struct {
	*listwatch.Source
	recorder *recorder
	registry *prometheus.Registry
	log      *logtest.Buffer
	stop     func()
}

// watchServer starts a Source with times that suit a test. It ends with the test.
func watchServer(t *testing.T, server string, env map[string]string, tune ...func(*listwatch.Tuning)) *running {
	t.Helper()
	r := &running{recorder: &recorder{sources: map[string]uint64{}}, registry: prometheus.NewRegistry(), log: new(logtest.Buffer)}
	cfg := kubetest.Configure(t, server, env)
	client := kubetest.NewClient(t, cfg)
	var err error
	r.Source, err = listwatch.NewSource(cfg, client, listwatch.NewMetrics(r.registry), zerolog.New(r.log))
	testcheck.NoError(t, err)
	r.Tuning = listwatch.Tuning{
		InitialIdle: 200 * time.Millisecond,
		SilentAfter: 300 * time.Millisecond,
		Steady:      50 * time.Millisecond,
		PageSize:    2,
		Backoff:     wait.Backoff{Duration: time.Millisecond, Factor: 2, Steps: 10, Cap: 20 * time.Millisecond},
	}
	for _, change := range tune {
		change(&r.Tuning)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx, r.recorder) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		testcheck.ErrorIs(t, "the end of Watch when its context ends", nil, <-ended)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Cleanup(r.stop)
	return r
}

// expect waits for the lines.
func expect(t *testing.T, what string, want []string, got func() []string) {
	t.Helper()
	testwait.Empty(t, func() string {
		lines := got()
		if diff := cmp.Diff(want, lines[:min(len(lines), len(want))]); diff != "" {
			return what + " (-want +got):\n" + diff
		}
		return ""
	})
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chatters sends changes and bookmarks all the time, but never the end of the initial events.
func chatters(namespace, name string) kubetest.Answer {
	return func(w http.ResponseWriter, r *http.Request) {
		for version := 1; r.Context().Err() == nil; version++ {
			send(w, []map[string]any{modified(namespace, name, fmt.Sprint(version)), bookmark(fmt.Sprint(version))})
		}
	}
}

// trickles sends each event in four parts, with pauses that come to more than the time that initial events may pause.
func trickles(events ...map[string]any) kubetest.Answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, nil)
		for _, event := range events {
			line, err := json.Marshal(event)
			if err != nil {
				panic(err)
			}
			kubetest.InParts(w, r, line, 4, 80*time.Millisecond)
		}
		<-r.Context().Done()
	}
}

// dozes sends nothing and closes the watch after more than a third of the time that a silent one gets.
func dozes(w http.ResponseWriter, r *http.Request) {
	send(w, nil)
	select {
	case <-time.After(120 * time.Millisecond):
	case <-r.Context().Done():
	}
}

func tooLarge(w http.ResponseWriter, r *http.Request) {
	answer := kubetest.Status(504, "Timeout", "Too large resource version: 6, current: 3")
	answer["details"] = map[string]any{"causes": []any{map[string]any{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}}}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(504)
	kubetest.Body(answer)(w, r)
}

// resets breaks the connection so that the client's error names the local port, another one each time.
func resets(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	connection.Close()
}

func byVerb(watch, list kubetest.Answer) kubetest.Answer {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" {
			watch(w, r)
		} else {
			list(w, r)
		}
	}
}

// counter reads one metric, of the label's value if there is a label.
func counter(t *testing.T, r *running, name, label, value string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	testcheck.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if label != "" && (len(metric.GetLabel()) != 1 || metric.GetLabel()[0].GetName() != label || metric.GetLabel()[0].GetValue() != value) {
				continue
			}
			return metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s{%s=%q}", name, label, value)
	return 0
}

// list reads the Components of the scope from the server, as <namespace>/<name>@<resourceVersion>.
func list(t *testing.T, s *kubetest.Server, scope, name string) ([]string, error) {
	t.Helper()
	all, err := listwatch.Components(t.Context(), kubetest.NewClient(t, kubetest.Configure(t, s.URL, nil)), kubetest.Scope(t, scope), name)
	var lines []string
	for _, seen := range all {
		line := fmt.Sprintf("%s/%s@%s", seen.Namespace, seen.Name, seen.ResourceVersion)
		if seen.Err != nil {
			line += " " + seen.Err.Error()
		} else if seen.Component == nil || seen.Component.Metadata.Version != "1.0.0" || seen.Seen.IsZero() {
			line += " incomplete"
		}
		lines = append(lines, line)
	}
	return lines, err
}

// awaitState waits until the State has an error with the text.
func (r *running) awaitState(t *testing.T, text string) {
	t.Helper()
	testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(r.State()), text) })
}

// logsOnce fails the test unless the log has the text in one line.
func (r *running) logsOnce(t *testing.T, text string) {
	t.Helper()
	if n := strings.Count(r.log.String(), text); n != 1 {
		t.Errorf("%d lines with %q, want one:\n%s", n, text, r.log)
	}
}
