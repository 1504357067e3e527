package manifests_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/manifests"
	"odasync/internal/testcheck"
)

func TestSource_FollowsNotifications(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.source.Tuning.Poll = never
	f.write(t, map[string]string{"a.yaml": manifest("a", "1"), "sub/b.yaml": manifest("b", "1") + "---\n" + manifest("c", "1")})
	f.watched(t)
	f.wait(t, map[string]string{"default/a": "1", "default/b": "1", "default/c": "1"})

	f.write(t, map[string]string{"a.yaml": manifest("a", "2"), "sub/b.yaml": manifest("b", "1")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1"})
	f.write(t, map[string]string{"new/below/d.yaml": manifest("d", "1")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1", "default/d": "1"})
	f.write(t, map[string]string{"new/below/d.yaml": manifest("d", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1", "default/d": "2"})
	do(t, os.Remove(f.path("sub/b.yaml")))
	f.wait(t, map[string]string{"default/a": "2", "default/d": "2"})
	do(t, os.Rename(f.path("new"), f.path("newer")))
	f.sync(t)
	f.write(t, map[string]string{"newer/below/d.yaml": manifest("d", "3")})
	awaitCondition(t, func() bool { state, _, _ := f.now(); return state["default/d"] == "3" }, func() string { return "a renamed folder is not followed" })
	if _, absent, _ := f.now(); !slices.Equal(absent, []string{"default/c", "default/b"}) {
		t.Errorf("absent: %v, want c and b alone", absent)
	}
	do(t, os.RemoveAll(f.path("newer")))
	do(t, os.Remove(f.path("a.yaml")))
	do(t, os.Remove(f.path("sync.yaml")))
	f.wait(t, map[string]string{})
}

func TestSource_PollsWithoutNotifications(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "target.yaml")
	do(t, os.WriteFile(elsewhere, []byte(manifest("a", "1")), 0o644))
	f := newFixture(t, t.TempDir())
	do(t, os.Symlink(elsewhere, f.path("a.yaml")))
	f.watch(t)
	f.wait(t, map[string]string{"default/a": "1"})
	do(t, os.WriteFile(elsewhere, []byte(manifest("a", "2")), 0o644))
	f.wait(t, map[string]string{"default/a": "2"})

	do(t, os.Remove(elsewhere)) // the link remains: no deletion
	f.awaitLog(t, "manifest cannot be read", f.path("a.yaml"), "no such file")
	f.sync(t)
	f.noneAbsent(t)
	do(t, os.Remove(f.path("a.yaml")))
	do(t, os.Remove(f.path("sync.yaml")))
	f.wait(t, map[string]string{})
}

func TestSource_BrokenFileKeepsItsComponents(t *testing.T) {
	two := manifest("a", "1") + "---\n" + manifest("b", "1")
	f := start(t, map[string]string{"ab.yaml": two, "c.yaml": manifest("c", "1")})
	f.awaitResync(t)
	for _, broken := range []string{"", two[:len(two)-2], "apiVersion: oda.tmforum.org/v1\n", strings.Repeat("#", 9<<20)} {
		f.write(t, map[string]string{"ab.yaml": broken})
		f.sync(t)
		f.wait(t, map[string]string{"default/a": "1", "default/b": "1", "default/c": "1", "default/sync": f.version("sync")})
		testcheck.ErrorIs(t, "State, since the components of the file are known", nil, f.source.State())
	}
	if lines := f.logs.with(t, "manifest cannot be read", f.path("ab.yaml"), "components_kept:2"); len(lines) != 4 {
		t.Errorf("logged %d times, want 4: %s", len(lines), lines)
	}
	f.noneAbsent(t)
	do(t, os.Remove(f.path("sync.yaml")))
	f.write(t, map[string]string{"ab.yaml": manifest("a", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/c": "1"})
	f.awaitLog(t, "manifest can be read again", f.path("ab.yaml"))

	f.write(t, map[string]string{"ab.yaml": "{"})
	f.awaitLog(t, "manifest cannot be read", f.path("ab.yaml"), "components_kept:1")
	do(t, os.Remove(f.path("ab.yaml")))
	f.wait(t, map[string]string{"default/c": "1"})
}

// Each way to save replaces the same Components, none of which is ever absent.
func TestSource_SavesAreNoDeletions(t *testing.T) {
	for name, save := range map[string]func(path, content string) error{
		"in place": func(path, content string) error { return os.WriteFile(path, []byte(content), 0o644) },
		"in two parts": func(path, content string) error {
			file, err := os.Create(path)
			if err != nil {
				return err
			}
			for _, half := range []string{content[:len(content)/2], content[len(content)/2:]} {
				if _, err := file.WriteString(half); err != nil {
					return err
				}
			}
			return file.Close()
		},
		"renamed into place": func(path, content string) error {
			if err := os.WriteFile(path+".tmp", []byte(content), 0o644); err != nil {
				return err
			}
			return os.Rename(path+".tmp", path)
		},
		"the old one renamed away first": func(path, content string) error {
			if err := os.Rename(path, path+"~"); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				return err
			}
			return os.Remove(path + "~")
		},
		"deleted first": func(path, content string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.WriteFile(path, []byte(content), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, t.TempDir())
			// What is in between must last shorter than this, even on a machine that has other things to do.
			f.source.Tuning = manifests.Tuning{Settle: 500 * time.Millisecond, Poll: never}
			f.write(t, map[string]string{"a.yaml": manifest("a", "0") + "---\n" + manifest("b", "0")})
			f.watched(t)
			for i := range 3 {
				version := fmt.Sprint(i + 1)
				do(t, save(f.path("a.yaml"), manifest("a", version)+"---\n"+manifest("b", version)))
				f.wait(t, map[string]string{"default/a": version, "default/b": version})
			}
			f.noneAbsent(t)
		})
	}
}

// A kubelet writes a new folder and swaps the link ..data, which all other links pass through.
func TestSource_ConfigMapVolume(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.source.Tuning.Poll = never
	publish := func(folder string, files map[string]string) {
		t.Helper()
		for name, content := range files {
			f.write(t, map[string]string{folder + "/" + name: content})
		}
		do(t, os.Symlink(folder, f.path("..data_tmp")))
		do(t, os.Rename(f.path("..data_tmp"), f.path("..data")))
	}
	publish("..2026_01", map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1"), "sub/c.yaml": manifest("c", "1")})
	for _, name := range []string{"a.yaml", "b.yaml", "sub"} {
		do(t, os.Symlink("..data/"+name, f.path(name)))
	}
	f.watched(t)
	f.wait(t, map[string]string{"default/a": "1", "default/b": "1", "default/c": "1"})

	publish("..2026_02", map[string]string{"a.yaml": manifest("a", "2"), "sub/c.yaml": manifest("c", "2")})
	do(t, os.Remove(f.path("b.yaml"))) // the kubelet removes the links of keys that went
	do(t, os.RemoveAll(f.path("..2026_01")))
	f.wait(t, map[string]string{"default/a": "2", "default/c": "2"})
	publish("..2026_03", map[string]string{"a.yaml": manifest("a", "3"), "sub/c.yaml": manifest("c", "3")})
	do(t, os.RemoveAll(f.path("..2026_02")))
	f.wait(t, map[string]string{"default/a": "3", "default/c": "3"})
	if _, absent, _ := f.now(); !slices.Equal(absent, []string{"default/b"}) {
		t.Errorf("absent: %v, want b alone", absent)
	}
}

func TestSource_MissingFolderIsNoAbsence(t *testing.T) {
	files := map[string]string{"a.yaml": manifest("a", "1"), "sub/b.yaml": manifest("b", "1")}
	for name, c := range map[string]struct {
		vanish func(f *fixture) error
		state  string
	}{
		"deleted": {func(f *fixture) error { return os.RemoveAll(f.dir) }, "no such file or directory"},
		"renamed": {func(f *fixture) error { return os.Rename(f.dir, f.dir+".away") }, "no such file or directory"},
		"a file in its place": {func(f *fixture) error {
			if err := os.RemoveAll(f.dir); err != nil {
				return err
			}
			return os.WriteFile(f.dir, nil, 0o644)
		}, "not a directory"},
		"a link to itself": {func(f *fixture) error {
			if err := os.RemoveAll(f.dir); err != nil {
				return err
			}
			return os.Symlink(f.dir, f.dir)
		}, "too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, filepath.Join(t.TempDir(), "manifests"))
			f.write(t, files)
			f.watched(t)
			do(t, c.vanish(f))
			f.awaitState(t, c.state)
			f.awaitState(t, "nothing is deleted until the folder can be listed")
			age := f.source.Age()
			awaitCondition(t, func() bool { return f.source.Age() > age+5*f.source.Tuning.Poll }, func() string { return "the age does not grow" })
			f.noneAbsent(t)
			if lines := f.logs.with(t, "folder cannot be listed, retrying", f.dir, c.state); len(lines) != 1 { // beside one of a moment between
				t.Errorf("logged %d times, want once: %s", len(lines), lines)
			}

			do(t, os.RemoveAll(f.dir))
			f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
			f.wait(t, map[string]string{"default/a": "2"})
			f.awaitLog(t, "folder can be listed again", f.dir)
			f.awaitResync(t)
		})
	}
}

// A missing manifest is absence, which the observer decides about, and not a reported deletion.
func TestSource_EmptyFolderIsAbsence(t *testing.T) {
	for name, empty := range map[string]func(f *fixture) error{
		"its files are removed": func(f *fixture) error {
			return errors.Join(os.Remove(f.path("a.yaml")), os.RemoveAll(f.path("sub")))
		},
		"an empty one takes its place": func(f *fixture) error {
			return errors.Join(os.Rename(f.dir, f.dir+".away"), os.Mkdir(f.dir, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, filepath.Join(t.TempDir(), "manifests"))
			f.write(t, map[string]string{"a.yaml": manifest("a", "1"), "sub/b.yaml": manifest("b", "1")})
			f.watched(t)
			do(t, empty(f))
			f.wait(t, map[string]string{})
			f.write(t, map[string]string{"b.yaml": manifest("b", "2")})
			f.wait(t, map[string]string{"default/b": "2"})
			f.awaitResync(t)
		})
	}
}

func TestSource_UnlistedSubfolderKeepsItsComponents(t *testing.T) {
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "sub/b.yaml": manifest("b", "1")})
	f.awaitResync(t)
	do(t, os.RemoveAll(f.path("sub")))
	do(t, os.Symlink("sub", f.path("sub"))) // a link without a target
	f.awaitUnreadable(t, []string{"sub"}, "too many levels of symbolic links")
	f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1"})
	f.noneAbsent(t)

	do(t, os.Remove(f.path("sub")))
	f.wait(t, map[string]string{"default/a": "2"})
	f.awaitResync(t)
}

// A scan compares nothing that permissions change.
func TestSource_UnreadableFiles(t *testing.T) {
	if os.Geteuid() == 0 { // root may read everything
		asUnprivileged(t, t.Name())
		return
	}
	f := newFixture(t, t.TempDir())
	f.write(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1"), "sub/c.yaml": manifest("c", "1")})
	do(t, os.Chmod(f.path("b.yaml"), 0))
	do(t, os.Chmod(f.path("sub"), 0))
	f.watch(t)
	f.wait(t, map[string]string{"default/a": "1"})
	f.awaitUnreadable(t, []string{"b.yaml", "sub"}, "permission denied")
	do(t, os.Chmod(f.path("sub"), 0o755))
	f.wait(t, map[string]string{"default/a": "1", "default/c": "1"})
	f.awaitUnreadable(t, []string{"b.yaml"}, "permission denied")
	do(t, os.Chmod(f.path("b.yaml"), 0o644))
	f.wait(t, map[string]string{"default/a": "1", "default/b": "1", "default/c": "1"})
	f.awaitResync(t)

	do(t, os.Chmod(f.path("sub"), 0))
	f.awaitUnreadable(t, []string{"sub"}, "permission denied")
	f.sync(t)
	f.noneAbsent(t)
	do(t, os.Chmod(f.path("sub"), 0o755))
	f.awaitResync(t)
}

func TestSource_IgnoresLinksToParents(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.write(t, map[string]string{"sub/a.yaml": manifest("a", "1")})
	do(t, os.Symlink("..", f.path("sub/up")))
	f.watched(t)
	f.wait(t, map[string]string{"default/a": "1"})
	testcheck.Empty(t, "log of what was read twice", f.logs.with(t, "duplicate manifests of a component, using the first: remove one"))
}

func TestSource_IgnoresPipes(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.write(t, map[string]string{"a.yaml": manifest("a", "1")})
	makePipe(t, f.path("pipe.yaml"))
	f.watched(t)
	f.wait(t, map[string]string{"default/a": "1"})
}

func TestSource_FileThatChangesAllTheTimeDelaysNoOther(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.source.Tuning.Settle = 100 * time.Millisecond // so that the writer is not slower, whatever else the machine does
	f.write(t, map[string]string{"a.yaml": manifest("a", "1"), "busy.yaml": manifest("busy", "1")})
	f.watched(t)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			case <-time.After(time.Millisecond):
				if err := os.WriteFile(f.path("busy.yaml"), []byte(manifest("busy", "1")+strings.Repeat("#", i)), 0o644); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/busy": "1"})
	do(t, os.Remove(f.path("a.yaml")))
	f.wait(t, map[string]string{"default/busy": "1"})
	close(stop)
	do(t, <-stopped)
}

func TestSource_AgeGrowsWhileTheObserverBlocks(t *testing.T) {
	f := start(t, map[string]string{"a.yaml": manifest("a", "1")})
	f.awaitResync(t)
	block := make(chan struct{})
	f.mu.Lock()
	f.block = block
	f.mu.Unlock()
	f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
	awaitCondition(t, func() bool { return f.source.Age() > 5*f.source.Tuning.Poll }, func() string { return "the age does not grow" })
	close(block)
	f.wait(t, map[string]string{"default/a": "2"})
	awaitCondition(t, func() bool { return f.source.Age() < 5*f.source.Tuning.Poll }, func() string { return "the age does not shrink" })
}

func TestSource_CountsMalformedComponentsOnce(t *testing.T) {
	malformed := "apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata: {name: a}\n"
	f := start(t, map[string]string{"a.yaml": malformed})
	f.awaitResync(t)
	f.write(t, map[string]string{"a.yaml": malformed + "# still\n"})
	f.sync(t)
	const metric = `
		# HELP odasync_components_malformed_total Components that could not be read, counted when first seen and when the problem changes.
		# TYPE odasync_components_malformed_total counter
		odasync_components_malformed_total %d
	`
	check := func(want int) {
		t.Helper()
		testcheck.ErrorIs(t, "metric", nil, testutil.GatherAndCompare(f.registry, strings.NewReader(fmt.Sprintf(metric, want)), "odasync_components_malformed_total"))
		if lines := f.logs.with(t, "component cannot be read", f.path("a.yaml"), "field:spec", "document at line 1"); len(lines) != want {
			t.Errorf("logged %d times, want %d: %s", len(lines), want, lines)
		}
	}
	check(1)
	f.write(t, map[string]string{"a.yaml": manifest("a", "1")})
	f.sync(t)
	f.write(t, map[string]string{"a.yaml": malformed})
	f.sync(t)
	check(2)
	if problems, err := testutil.GatherAndLint(f.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	do(t, os.WriteFile(file, nil, 0o644))
	for name, c := range map[string]struct{ dir, want string }{
		"a folder":     {dir, ""},
		"none named":   {"", "no manifest folder named"},
		"missing":      {filepath.Join(dir, "gone"), "gone does not exist: create it or name another"},
		"a file":       {file, "a.yaml is not a folder: name the folder that holds the manifests"},
		"below a file": {filepath.Join(file, "x"), "give this user access"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := manifests.Check(c.dir); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("Check says %q, want %q", got, c.want)
			}
		})
	}
}

// A Refresh reports everything again, and nothing that exists is absent.
func TestSource_RefreshStartsAnotherResync(t *testing.T) {
	t.Parallel()
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1")})
	f.awaitResync(t)
	for generation := 2; generation <= 3; generation++ {
		f.mu.Lock()
		clear(f.state) // as of a new observer
		f.mu.Unlock()
		f.source.Refresh()
		f.awaitResyncs(t, generation)
		state, _, ended := f.now()
		if diff := cmp.Diff(map[string]string{"default/a": "1", "default/b": "1"}, state); diff != "" || ended != generation {
			t.Errorf("%d resyncs, state (-want +got):\n%s", ended, diff)
		}
	}
	f.noneAbsent(t)
	f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1"})
	testcheck.NoError(t, f.source.State())
}

// A broken file keeps its Components, also in a resync after a Refresh.
func TestSource_RefreshKeepsTheComponentsOfABrokenFile(t *testing.T) {
	t.Parallel()
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1")})
	f.awaitResync(t)
	f.write(t, map[string]string{"a.yaml": "\tno: yaml"})
	f.awaitLog(t, "manifest cannot be read", "a.yaml")
	f.source.Refresh()
	f.awaitResyncs(t, 2)
	f.wait(t, map[string]string{"default/a": "1", "default/b": "1"})
	f.noneAbsent(t)
}
