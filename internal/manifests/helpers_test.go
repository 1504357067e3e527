package manifests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/logtest"
	"odasync/internal/manifests"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is how long a test waits for what must happen.
const deadline = 20 * time.Second

// never is a time between looks that no test lives to see: what it sees it was notified of.
const never = time.Hour

// group is the API group of the Components in the manifests.
const group = "oda.tmforum.org"

// manifest is a Component whose version tells its states apart.
func manifest(name, version string) string {
	return fmt.Sprintf("apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata:\n  name: %s\nspec:\n  version: %q\n", name, version)
}

// observer keeps what a watcher would hold to be there: by namespace/name the version, or ! and the problem.
type observer struct {
	mu     sync.Mutex
	round  uint64
	ended  int
	state  map[string]string
	seen   map[string]uint64
	absent []string // at the end of a round
	wrong  []string
	block  chan struct{} // Observe waits until it is closed
}

func newObserver() *observer { return &observer{state: map[string]string{}, seen: map[string]uint64{}} }

func (o *observer) Begin(component.Scope) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.round++
	return o.round
}

func (o *observer) Observe(ctx context.Context, round uint64, seen component.Observation) error {
	o.mu.Lock()
	block := o.block
	o.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	key := seen.Namespace + "/" + seen.Name
	content := ""
	switch {
	case seen.Deleted:
		o.wrong = append(o.wrong, "reported as deleted: "+key)
	case seen.Err != nil:
		content = "! " + seen.Err.Error()
	default:
		content = seen.Component.Metadata.Version
	}
	if round != o.round || seen.Seen.IsZero() || seen.UID != "" || seen.ResourceVersion != "" {
		o.wrong = append(o.wrong, fmt.Sprintf("in round %d: %+v", round, seen))
	}
	if !seen.Deleted {
		o.state[key], o.seen[key] = content, round
	}
	return ctx.Err()
}

func (o *observer) End(ctx context.Context, round uint64, _ component.Scope, _ string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended++
	for key := range o.state {
		if o.seen[key] < round {
			o.absent = append(o.absent, key)
			delete(o.state, key)
		}
	}
	return ctx.Err()
}

func (o *observer) now() (state map[string]string, absent []string, ended int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.state), append([]string(nil), o.absent...), o.ended
}

// logs keeps log lines.
type logs struct{ logtest.Buffer }

// with returns the lines that have the message and, in any field, each of the texts.
func (l *logs) with(t *testing.T, message string, texts ...string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		all := fields["message"] == message
		for _, text := range texts {
			all = all && strings.Contains(fmt.Sprint(fields), text)
		}
		if all {
			lines = append(lines, line)
		}
	}
	return lines
}

// fixture is a source on a folder of its own.
type fixture struct {
	*observer
	dir      string
	source   *manifests.Source
	logs     *logs
	registry *prometheus.Registry
	stop     func() // ends the Watch and waits for it
}

func newFixture(t *testing.T, dir string) *fixture {
	t.Helper()
	scope, err := component.ParseScope("default,odacompns-*")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{dir: dir, logs: &logs{}, registry: prometheus.NewPedanticRegistry()}
	f.source = manifests.New(dir, group, scope, manifests.NewMetrics(f.registry), zerolog.New(f.logs))
	f.source.Tuning = manifests.Tuning{Settle: 10 * time.Millisecond, Poll: 100 * time.Millisecond}
	return f
}

// watch starts a term with an observer of its own.
func (f *fixture) watch(t *testing.T) {
	t.Helper()
	f.observer = newObserver()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.source.Watch(ctx, f.observer) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Watch: %v", err)
			}
		case <-time.After(deadline):
			t.Error("Watch goes on after its context ended")
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, wrong := range f.wrong {
			t.Errorf("observed wrongly: %s", wrong)
		}
	})
	t.Cleanup(f.stop)
}

// start watches a folder with the files.
func start(t *testing.T, files map[string]string) *fixture {
	t.Helper()
	f := newFixture(t, t.TempDir())
	f.write(t, files)
	f.watch(t)
	return f
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

// write writes each file at once, by way of another name.
func (f *fixture) write(t *testing.T, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := f.path(name)
		do(t, os.MkdirAll(filepath.Dir(path), 0o755))
		do(t, os.WriteFile(path+".tmp", []byte(content), 0o644))
		do(t, os.Rename(path+".tmp", path))
	}
}

// wait waits for the state.
func (f *fixture) wait(t *testing.T, want map[string]string) {
	t.Helper()
	var diff string
	until(t, func() bool {
		state, _, _ := f.now()
		diff = cmp.Diff(want, state)
		return diff == ""
	}, func() string { return "the observer's state (-want +got):\n" + diff })
}

// waitRound waits for the round to be ended, and for State to be well.
func (f *fixture) waitRound(t *testing.T) {
	t.Helper()
	until(t, func() bool {
		_, _, ended := f.now()
		return ended > 0 && f.source.State() == nil
	}, func() string { return fmt.Sprintf("no round ended; State: %v", f.source.State()) })
}

// waitState waits until State says something that has the text.
func (f *fixture) waitState(t *testing.T, text string) {
	t.Helper()
	until(t, func() bool {
		err := f.source.State()
		return err != nil && strings.Contains(err.Error(), text)
	}, func() string { return fmt.Sprintf("State does not say %q: %v", text, f.source.State()) })
}

// waitLog waits for a log line.
func (f *fixture) waitLog(t *testing.T, message string, texts ...string) {
	t.Helper()
	until(t, func() bool { return len(f.logs.with(t, message, texts...)) > 0 },
		func() string { return fmt.Sprintf("not logged: %s %q\n%s", message, texts, f.logs) })
}

// sync waits until whatever was done to the folder before is taken in: so is then a file that is written after it.
func (f *fixture) sync(t *testing.T) {
	t.Helper()
	mark := time.Now().Format(time.RFC3339Nano)
	f.write(t, map[string]string{"sync.yaml": manifest("sync", mark)})
	until(t, func() bool {
		state, _, _ := f.now()
		return state["default/sync"] == mark
	}, func() string { return "sync.yaml is not taken in" })
}

// noneAbsent fails where a round has ended without anything that was there.
func (f *fixture) noneAbsent(t *testing.T) {
	t.Helper()
	if _, absent, _ := f.now(); len(absent) > 0 {
		t.Errorf("absent: %v", absent)
	}
}

func until(t *testing.T, reached func() bool, otherwise func() string) {
	t.Helper()
	for end := time.Now().Add(deadline); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", deadline, otherwise())
		}
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
