package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/util/wait"

	"odasync/internal/component"
	"odasync/internal/kube"
	"odasync/internal/logtest"
	"odasync/internal/testwait"
)

// answer is what the scripted API server does with one request.
type answer func(w http.ResponseWriter, r *http.Request)

// apiServer answers requests for Components with one answer after the other, and the last one again and again.
type apiServer struct {
	*httptest.Server
	crd answer

	mu       sync.Mutex
	answers  []answer
	requests []string
	lookups  int // requests for the CRD
}

func newAPIServer(t *testing.T, answers ...answer) *apiServer {
	t.Helper()
	s := &apiServer{answers: answers, crd: serves("v1")}
	stop := make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go func() {
			select {
			case <-stop: // else Close waits for the watches that are held open
				cancel()
			case <-ctx.Done():
			}
		}()
		s.serve(w, r.WithContext(ctx))
	}))
	t.Cleanup(func() { close(stop); s.Close() })
	return s
}

func (s *apiServer) serve(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "customresourcedefinitions") {
		s.mu.Lock()
		crd := s.crd
		s.lookups++
		s.mu.Unlock()
		crd(w, r)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, describe(r))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	next(w, r)
}

// describe returns the path of a request and the parameters that tell requests apart.
func describe(r *http.Request) string {
	query := r.URL.Query()
	where := strings.TrimPrefix(r.URL.Path, "/apis/oda.tmforum.org/")
	switch {
	case query.Get("sendInitialEvents") == "true" && query.Get("resourceVersionMatch") == "NotOlderThan" && query.Get("resourceVersion") == "":
		return where + " watch initial"
	case query.Get("watch") == "true":
		return where + " watch from " + query.Get("resourceVersion")
	}
	return strings.Join(strings.Fields(where+" list "+query.Get("limit")+" "+query.Get("continue")+" "+query.Get("fieldSelector")+" "+query.Get("labelSelector")), " ")
}

func (s *apiServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func (s *apiServer) lookedUp() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups
}

func (s *apiServer) set(crd answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crd = crd
}

// crdUID is that of every CRD.
const crdUID = "0f2a5d0e-3c1f-4a53-8f5c-0e8a8f6f3a11"

// serves answers with a CRD that serves the versions.
func serves(versions ...string) answer {
	var list []map[string]any
	for _, version := range versions {
		list = append(list, map[string]any{"name": version, "served": true})
	}
	list = append(list, map[string]any{"name": "v0", "served": false})
	return body(map[string]any{
		"kind": "CustomResourceDefinition", "metadata": map[string]any{"uid": crdUID}, "spec": map[string]any{"versions": list},
	})
}

func body(object any) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object)
	}
}

// refuses answers with a Status, as an API server does.
func refuses(code int, reason, message string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "1") // which client-go would wait for
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status(code, reason, message))
	}
}

func status(code int, reason, message string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
}

// closes sends the events and ends the watch as at its timeout.
func closes(events ...map[string]any) answer {
	return func(w http.ResponseWriter, _ *http.Request) { send(w, events) }
}

// holds sends the events and then nothing more.
func holds(events ...map[string]any) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, events)
		<-r.Context().Done()
	}
}

// cuts sends the events and breaks the connection.
func cuts(events ...map[string]any) answer {
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

// pages answers with one page of a list.
func pages(version, token string, items ...map[string]any) answer {
	return body(map[string]any{"kind": "ComponentList", "items": items, "metadata": map[string]any{"resourceVersion": version, "continue": token}})
}

func object(namespace, name, version string) map[string]any {
	return map[string]any{
		"apiVersion": "oda.tmforum.org/v1", "kind": "Component",
		"metadata": map[string]any{"namespace": namespace, "name": name, "uid": "uid-" + name, "resourceVersion": version},
		"spec":     map[string]any{"componentMetadata": map[string]any{"version": "1.0.0"}},
	}
}

func added(namespace, name, version string) map[string]any {
	return map[string]any{"type": "ADDED", "object": object(namespace, name, version)}
}

func modified(namespace, name, version string) map[string]any {
	return map[string]any{"type": "MODIFIED", "object": object(namespace, name, version)}
}

func deleted(namespace, name, version string) map[string]any {
	return map[string]any{"type": "DELETED", "object": object(namespace, name, version)}
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
	return map[string]any{"type": "ERROR", "object": status(code, reason, message)}
}

// recorder is an observer that records the calls, one line each.
type recorder struct {
	mu      sync.Mutex
	resyncs uint64
	lines   []string
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
	r.add("%d %s %s/%s@%s", generation, what, seen.Namespace, seen.Name, seen.ResourceVersion)
	return nil
}

func (r *recorder) End(_ context.Context, generation uint64, scope component.Scope, _ string) error {
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
	*kube.Source
	recorder *recorder
	registry *prometheus.Registry
	log      *logtest.Buffer
	stop     func()
}

// watchServer starts a Source with times that suit a test. It ends with the test.
func watchServer(t *testing.T, server string, env map[string]string, tune ...func(*kube.Tuning)) *running {
	t.Helper()
	r := &running{recorder: &recorder{}, registry: prometheus.NewRegistry(), log: new(logtest.Buffer)}
	cfg := configure(t, server, env)
	client := newClient(t, cfg)
	var err error
	r.Source, err = kube.NewSource(cfg, client, kube.NewMetrics(r.registry), zerolog.New(r.log))
	if err != nil {
		t.Fatal(err)
	}
	r.Tuning = kube.Tuning{
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
		if err := <-ended; err != nil {
			t.Errorf("Watch ended with %v, want nil when its context ends", err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Cleanup(r.stop)
	return r
}

// configure returns a valid configuration for a server without credentials.
func configure(t *testing.T, server string, env map[string]string) kube.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "test",
"clusters": [{"name": "test", "cluster": {"server": %q}}], "users": [{"name": "test", "user": {}}],
"contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "canvas"}}]}`, server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"KUBECONFIG": path}
	maps.Copy(variables, env)
	cfg := read(t, variables)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
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

func read(t *testing.T, env map[string]string) kube.Config {
	t.Helper()
	var cfg kube.Config
	if err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &cfg, Lookuper: envconfig.MapLookuper(env)}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chatters sends changes and bookmarks all the time, but never the end of the initial events.
func chatters(namespace, name string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		for version := 1; r.Context().Err() == nil; version++ {
			send(w, []map[string]any{modified(namespace, name, fmt.Sprint(version)), bookmark(fmt.Sprint(version))})
		}
	}
}

// trickles sends each event in four parts, with pauses that come to more than the time that initial events may pause.
func trickles(events ...map[string]any) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, nil)
		for _, event := range events {
			line, err := json.Marshal(event)
			if err != nil {
				panic(err)
			}
			inParts(w, r, line, 4, 80*time.Millisecond)
		}
		<-r.Context().Done()
	}
}

// inParts sends the parts of an answer with a pause before each.
func inParts(w http.ResponseWriter, r *http.Request, text []byte, parts int, pause time.Duration) {
	for part := range slices.Chunk(text, len(text)/parts+1) {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
		}
		_, _ = w.Write(part)
		_ = http.NewResponseController(w).Flush()
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
	answer := status(504, "Timeout", "Too large resource version: 6, current: 3")
	answer["details"] = map[string]any{"causes": []any{map[string]any{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}}}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(504)
	body(answer)(w, r)
}

// missing returns "" if the text contains the part.
func missing(text, part string) string {
	if strings.Contains(text, part) {
		return ""
	}
	return fmt.Sprintf("%q lacks %q", text, part)
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

func byVerb(watch, list answer) answer {
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
	if err != nil {
		t.Fatal(err)
	}
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
func list(t *testing.T, s *apiServer, scope, name string) ([]string, error) {
	t.Helper()
	all, err := newClient(t, configure(t, s.URL, nil)).Components(t.Context(), parseScope(t, scope), name)
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

func newClient(t *testing.T, cfg kube.Config) *kube.Client {
	t.Helper()
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return client
}

func parseScope(t *testing.T, text string) component.Scope {
	t.Helper()
	scope, err := component.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

// awaitState waits until the State has an error with the text.
func (r *running) awaitState(t *testing.T, text string) {
	t.Helper()
	testwait.Empty(t, func() string { return missing(fmt.Sprint(r.State()), text) })
}

// logsOnce fails the test unless the log has the text in one line.
func (r *running) logsOnce(t *testing.T, text string) {
	t.Helper()
	if n := strings.Count(r.log.String(), text); n != 1 {
		t.Errorf("%d lines with %q, want one:\n%s", n, text, r.log)
	}
}

// awaitRequests waits for a number of requests for Components.
func (s *apiServer) awaitRequests(t *testing.T, n int) {
	t.Helper()
	testwait.Until(t, fmt.Sprintf("%d requests", n), func() bool { return len(s.seen()) >= n })
}
