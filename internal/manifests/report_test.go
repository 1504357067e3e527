package manifests_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const duplicateMessage = "duplicate manifests of a component, using the first: remove one"

func TestSource_DuplicateManifests(t *testing.T) {
	f := start(t, map[string]string{"a.yaml": manifest("x", "a"), "b/c.yaml": manifest("w", "c") + "---\n" + manifest("x", "c"), "d.yaml": manifest("z", "d")})
	f.awaitResync(t)
	f.wait(t, map[string]string{"default/x": "a", "default/w": "c", "default/z": "d"})
	if lines := f.logs.with(t, duplicateMessage, "first_file:"+f.path("a.yaml"), "file:"+f.path("b/c.yaml"), "document at line 7", "component:x"); len(lines) != 1 {
		t.Errorf("logged %d times, want once: %s", len(lines), lines)
	}

	f.write(t, map[string]string{"d.yaml": manifest("z", "d2")})
	f.wait(t, map[string]string{"default/x": "a", "default/w": "c", "default/z": "d2"})
	if lines := f.logs.with(t, duplicateMessage); len(lines) != 1 {
		t.Errorf("logged again although nothing changed: %s", lines)
	}
	do(t, os.Remove(f.path("a.yaml")))
	f.wait(t, map[string]string{"default/x": "c", "default/w": "c", "default/z": "d2"})
	f.noneAbsent(t)
	f.write(t, map[string]string{"a.yaml": manifest("x", "a2")})
	f.wait(t, map[string]string{"default/x": "a2", "default/w": "c", "default/z": "d2"})
	if lines := f.logs.with(t, duplicateMessage); len(lines) != 2 {
		t.Errorf("logged %d times, want a second time: %s", len(lines), lines)
	}
	f.write(t, map[string]string{"e.yaml": manifest("e", "1") + "---\n" + manifest("e", "2")})
	f.awaitLog(t, duplicateMessage, "first_file:"+f.path("e.yaml"), "first_where:document at line 1", "where:document at line 7")
	f.noneAbsent(t)
}

// Another Watch reports everything, from the state of the one before.
func TestSource_NextWatchKeepsTheComponentsOfABrokenFile(t *testing.T) {
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1"), "c.yaml": manifest("c", "1")})
	f.awaitResync(t)
	f.stop()
	f.write(t, map[string]string{"a.yaml": "{", "b.yaml": manifest("b", "2")})
	do(t, os.Remove(f.path("c.yaml")))
	f.watch(t)
	f.observer.mu.Lock()
	f.observer.state["default/c"] = "1" // from the log, as the watcher has it
	f.observer.mu.Unlock()
	f.awaitResync(t)
	f.wait(t, map[string]string{"default/a": "1", "default/b": "2"})
}

// An unreadable file concerns only what it may contain: what this process never read, and what its text names.
func TestSource_UnreadableFileKeepsWhatItMayContain(t *testing.T) {
	for name, c := range map[string]struct {
		bad  string
		kept []string // of old, which was never read, and of b and c, whose files are removed
	}{
		"its text has no name":         {"{", []string{"old"}},
		"its text names a component":   {"moved: [b", []string{"old", "b"}},
		"its text has escapes":         {`{"name": "\u0062"`, []string{"old", "b", "c"}},
		"its text is empty":            {"\n", []string{"old", "b", "c"}},
		"its text is no valid Unicode": {"\xff\xfe", []string{"old", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, t.TempDir())
			f.write(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1"), "c.yaml": manifest("c", "1"), "bad.yaml": c.bad})
			f.watch(t)
			f.observer.mu.Lock()
			f.observer.state["default/old"] = "1" // published by an earlier process
			f.observer.mu.Unlock()
			f.awaitUnreadable(t, []string{"bad.yaml"})
			f.wait(t, map[string]string{"default/a": "1", "default/b": "1", "default/c": "1", "default/old": "1"})
			do(t, os.Remove(f.path("b.yaml")))
			do(t, os.Remove(f.path("c.yaml")))
			f.sync(t)
			want := map[string]string{"default/a": "1", "default/sync": f.version("sync")}
			for _, name := range c.kept {
				want["default/"+name] = "1"
			}
			f.wait(t, want)
			do(t, os.Remove(f.path("bad.yaml")))
			f.wait(t, map[string]string{"default/a": "1", "default/sync": f.version("sync")})
			f.awaitUnreadable(t, nil)
		})
	}
}

// A component that is missing is decided about again when an unreadable file gets another text.
func TestSource_UnreadableFileChanges(t *testing.T) {
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "bad.yaml": "a: [a"})
	f.wait(t, map[string]string{"default/a": "1"})
	do(t, os.Remove(f.path("a.yaml")))
	f.sync(t)
	f.wait(t, map[string]string{"default/a": "1", "default/sync": f.version("sync")})
	f.write(t, map[string]string{"bad.yaml": "z: [z"}) // the same problem
	f.wait(t, map[string]string{"default/sync": f.version("sync")})
}

func (f *fixture) version(name string) string {
	state, _, _ := f.now()
	return state["default/"+name]
}

// After any sequence of changes, the observer has the last readable state of the files.
func TestSource_AnySequenceOfChanges(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		f := newFixture(t, filepath.Join(root, fmt.Sprint(runs)))
		f.source.Tuning.Poll = never
		do(t, os.Mkdir(f.dir, 0o755))
		f.watch(t)
		defer f.stop()
		f.sync(t)
		holds := map[string]map[string]string{} // by path: what the file last held while it could be read
		broken := map[string]bool{}
		version := 0
		for range rapid.IntRange(1, 4).Draw(r, "steps") {
			paths := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.yaml", "b.json", "c/a.yml", "c/d/a.yaml", "e.yaml"}), 1, 4, rapid.ID).Draw(r, "paths")
			for _, path := range paths {
				_, known := holds[path]
				switch action := rapid.SampledFrom([]string{"write", "write", "replace", "break", "delete", "move"}).Draw(r, "action"); {
				case action == "delete" && (known || broken[path]):
					do(t, os.Remove(f.path(path)))
					delete(holds, path)
					delete(broken, path)
				case action == "break":
					do(t, os.MkdirAll(filepath.Dir(f.path(path)), 0o755))
					f.write(t, map[string]string{path: "{"})
					broken[path] = true
				case action == "move" && known && !broken[path]:
					free := "moved-" + fmt.Sprint(version) + ".yaml"
					version++
					do(t, os.Rename(f.path(path), f.path(free)))
					holds[free] = holds[path]
					delete(holds, path)
				default:
					var content strings.Builder
					holds[path] = map[string]string{}
					delete(broken, path)
					content.WriteString("# none\n")
					for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r"}), 0, 3, rapid.ID).Draw(r, "names") {
						version++
						holds[path][name] = fmt.Sprint(version)
						content.WriteString("---\n" + manifest(name, fmt.Sprint(version)))
					}
					if action == "replace" {
						f.write(t, map[string]string{path: content.String()})
						continue
					}
					do(t, os.MkdirAll(filepath.Dir(f.path(path)), 0o755))
					do(t, os.WriteFile(f.path(path), []byte(content.String()), 0o644))
				}
			}
			f.sync(t)
			want := map[string]string{"default/sync": f.version("sync")}
			for _, path := range slices.Backward(slices.SortedFunc(maps.Keys(holds), func(a, b string) int { return strings.Compare(f.path(a), f.path(b)) })) {
				for name, version := range holds[path] {
					want["default/"+name] = version
				}
			}
			f.wait(t, want)
		}
	})
}

// A thousand files are read, compared and reported within seconds.
func TestSource_ManyFiles(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.source.Tuning.Poll = never
	want := map[string]string{}
	for i := range 1000 {
		name := fmt.Sprintf("c%04d", i)
		f.write(t, map[string]string{name + ".yaml": manifest(name, "1")})
		want["default/"+name] = "1"
	}
	f.watched(t)
	f.wait(t, want)
	f.write(t, map[string]string{"c0500.yaml": manifest("c0500", "2")})
	began := time.Now()
	want["default/c0500"] = "2"
	f.wait(t, want)
	t.Logf("one of 1000 files followed within %s", time.Since(began))
}
