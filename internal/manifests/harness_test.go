package manifests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/logtest"
	"odasync/internal/manifests"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never is a poll interval beyond the time of a test, which then depends on notifications.
const never = time.Hour

// group is the API group of the Components in the manifests.
const group = "oda.tmforum.org"

// manifest is a Component with a version.
func manifest(name, version string) string {
	return fmt.Sprintf("apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata:\n  name: %s\nspec:\n  version: %q\n", name, version)
}

// observer has the Components as a watcher knows them: the version by namespace/name, or ! and the problem.
type observer struct {
	mu         sync.Mutex
	generation uint64
	ended      int
	state      map[string]string
	seen       map[string]uint64
	absent     []string // at the end of a generation
	wrong      []string
	block      chan struct{} // Observe waits until it is closed
}

func newObserver() *observer { return &observer{state: map[string]string{}, seen: map[string]uint64{}} }

func (o *observer) Begin(component.Scope) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.generation++
	return o.generation
}

func (*observer) Unchanged(uint64, string, string, uint64) bool { return false }

func (o *observer) Observe(ctx context.Context, generation uint64, seen component.Observation) error {
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
	if generation != o.generation || seen.Seen.IsZero() || seen.UID != "" || seen.ResourceVersion != "" {
		o.wrong = append(o.wrong, fmt.Sprintf("in generation %d: %+v", generation, seen))
	}
	if !seen.Deleted {
		o.state[key], o.seen[key] = content, generation
	}
	return ctx.Err()
}

func (o *observer) End(ctx context.Context, generation uint64, _ component.Scope, resync component.Resync) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended++
	for key := range o.state {
		namespace, name, _ := strings.Cut(key, "/")
		if o.seen[key] < generation && (resync.Unknown == nil || !resync.Unknown(namespace, name)) {
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

// logs are log lines.
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

// fixture is a source with a folder.
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
	scope := testcheck.Must(component.ParseScope("default,odacompns-*"))
	f := &fixture{dir: dir, logs: &logs{}, registry: prometheus.NewPedanticRegistry()}
	f.source = manifests.New(dir, group, scope, manifests.NewMetrics(f.registry), zerolog.New(f.logs))
	f.source.Tuning = manifests.Tuning{Settle: 10 * time.Millisecond, Poll: 100 * time.Millisecond}
	return f
}

// watched is watch, and waits for the first resync.
func (f *fixture) watched(t *testing.T) {
	t.Helper()
	f.watch(t)
	f.awaitResync(t)
}

// watch starts a Watch with another observer.
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
			testcheck.ErrorIs(t, "Watch", nil, err)
		case <-time.After(testwait.Limit):
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
	awaitCondition(t, func() bool {
		state, _, _ := f.now()
		diff = cmp.Diff(want, state)
		return diff == ""
	}, func() string { return "the observer's state (-want +got):\n" + diff })
}

// awaitResync waits until a resync has ended and State returns nil.
func (f *fixture) awaitResync(t *testing.T) {
	t.Helper()
	awaitCondition(t, func() bool {
		_, _, ended := f.now()
		return ended > 0 && f.source.State() == nil
	}, func() string { return fmt.Sprintf("no resync ended; State: %v", f.source.State()) })
}

// awaitUnreadable waits until Unreadable returns these paths below the folder, and problems with each text in any order.
func (f *fixture) awaitUnreadable(t *testing.T, paths []string, texts ...string) {
	t.Helper()
	var got string
	awaitCondition(t, func() bool {
		var is []string
		got = fmt.Sprint(f.source.Unreadable())
		for _, one := range f.source.Unreadable() {
			path, err := filepath.Rel(f.dir, one.Path)
			do(t, err)
			is = append(is, path)
		}
		for _, text := range texts {
			if !strings.Contains(got, text) {
				return false
			}
		}
		return slices.Equal(is, paths)
	}, func() string { return fmt.Sprintf("Unreadable is %s, want %s with %q", got, paths, texts) })
	testcheck.ErrorIs(t, "State, for unreadable files", nil, f.source.State())
}

// awaitState waits until State returns an error with the text.
func (f *fixture) awaitState(t *testing.T, text string) {
	t.Helper()
	awaitCondition(t, func() bool {
		err := f.source.State()
		return err != nil && strings.Contains(err.Error(), text)
	}, func() string { return fmt.Sprintf("State lacks %q: %v", text, f.source.State()) })
}

// awaitLog waits for a log line.
func (f *fixture) awaitLog(t *testing.T, message string, texts ...string) {
	t.Helper()
	awaitCondition(t, func() bool { return len(f.logs.with(t, message, texts...)) > 0 },
		func() string { return fmt.Sprintf("not logged: %s %q\n%s", message, texts, f.logs) })
}

// sync waits until all earlier changes of the folder are reported, by that of a file that is written after them.
func (f *fixture) sync(t *testing.T) {
	t.Helper()
	mark := time.Now().Format(time.RFC3339Nano)
	f.write(t, map[string]string{"sync.yaml": manifest("sync", mark)})
	awaitCondition(t, func() bool {
		state, _, _ := f.now()
		return state["default/sync"] == mark
	}, func() string { return "sync.yaml to be reported" })
}

// noneAbsent fails the test if a resync has ended without an earlier Component.
func (f *fixture) noneAbsent(t *testing.T) {
	t.Helper()
	if _, absent, _ := f.now(); len(absent) > 0 {
		t.Errorf("absent: %v", absent)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	testcheck.NoError(t, err)
}

// unprivileged is the id of a user and group without permissions.
const unprivileged = 65534

// asUnprivileged runs one test of this binary as an unprivileged user, with a copy of the binary in a folder of that user.
func asUnprivileged(t *testing.T, name string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "unprivileged-")
	do(t, err)
	t.Cleanup(func() { do(t, os.RemoveAll(dir)) })
	do(t, os.Chown(dir, unprivileged, unprivileged))
	self, err := os.Executable()
	do(t, err)
	program, err := os.ReadFile(self)
	do(t, err)
	copied := filepath.Join(dir, "manifests.test")
	do(t, os.WriteFile(copied, program, 0o755))
	run := exec.CommandContext(t.Context(), copied, "-test.run=^"+name+"$", "-test.v")
	run.Dir, run.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
	output, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+name) {
		t.Errorf("as an unprivileged user: %v\n%s", err, output)
	}
}

func makePipe(t *testing.T, path string) {
	t.Helper()
	do(t, syscall.Mkfifo(path, 0o644))
}

func (f *fixture) awaitResyncs(t *testing.T, want int) {
	t.Helper()
	awaitCondition(t, func() bool {
		_, _, ended := f.now()
		return ended >= want
	}, func() string { return fmt.Sprintf("resync %d has not ended; State: %v", want, f.source.State()) })
}

// awaitCondition waits until the condition holds. The text is that of the failure.
func awaitCondition(t *testing.T, condition func() bool, failure func() string) {
	t.Helper()
	testwait.Empty(t, func() string {
		if condition() {
			return ""
		}
		return failure()
	})
}

// malformed returns the metric of what could not be read.
func (f *fixture) malformed(t *testing.T) (total float64) {
	t.Helper()
	families, err := f.registry.Gather()
	do(t, err)
	for _, family := range families {
		if family.GetName() == "odasync_components_malformed_total" {
			total = family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return total
}
