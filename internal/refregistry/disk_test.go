package refregistry

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"
)

// open opens a file that is closed with the test.
func open(t *testing.T, cfg Config, path string) *Server {
	t.Helper()
	s, err := Open(cfg, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func closed(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// content is everything that a file holds.
type content struct {
	Labels     []labelRow
	Registries []registryRow
	Components []componentRow
	APIs       []apiRow
	LastIDs    [4]int64
}

func contentOf(t *testing.T, s *Server) content {
	t.Helper()
	var out content
	err := s.store.view(t.Context(), func(tables *tables) error {
		labels, registries := tables.labels.(*memoryTable[labelRow]), tables.registries.(*memoryTable[registryRow])
		components, apis := tables.components.(*memoryTable[componentRow]), tables.apis.(*memoryTable[apiRow])
		out = content{
			Labels: all(labels), Registries: all(registries), Components: all(components), APIs: all(apis),
			LastIDs: [4]int64{labels.last, registries.last, components.last, apis.last},
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func all[R record[R]](t *memoryTable[R]) []R {
	rows, _ := t.page(selection{}, 0, math.MaxInt) // a table in memory does not fail
	return rows
}

func sameContent(t *testing.T, want, got content) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// TestOnDisk runs the tests of the contract with a file behind the registry;
// after each the file is opened anew and must hold the same.
func TestOnDisk(t *testing.T) {
	inMemory := opened
	t.Cleanup(func() { opened = inMemory })
	opened = func(t *testing.T, cfg Config) *Server {
		path := filepath.Join(t.TempDir(), "registry.db")
		s := open(t, cfg, path)
		t.Cleanup(func() {
			before := contentOf(t, s)
			closed(t, s)
			sameContent(t, before, contentOf(t, open(t, cfg, path)))
		})
		return s
	}
	for name, test := range map[string]func(*testing.T){
		"operations":             TestOperations,
		"accepted bodies":        TestAcceptedBodies,
		"null clears":            TestNullClearsSpecification,
		"snapshot":               TestSnapshot,
		"label deletion dangles": TestTrapLabelDeletionDangles,
		"deletion leaves APIs":   TestTrapComponentDeletionLeavesItsAPIs,
		"updates do not check":   TestTrapUpdatesDoNotCheckUniqueness,
		"rename cuts APIs off":   TestTrapRenameCutsAPIsOff,
		"no useful order":        TestTrapNoUsefulOrder,
		"newest first":           TestNewestChangesFirst,
		"creators of one thing":  TestConcurrentCreatorsOfOneThing,
		"everything at once":     TestConcurrentUse,
	} {
		t.Run(name, test)
	}
}

func TestOpenWithoutAPathIsInMemory(t *testing.T) {
	s := open(t, Config{}, "")
	if _, ok := s.store.(*memoryStore); !ok {
		t.Errorf("the store is a %T", s.store)
	}
}

// A full disk refuses writes and forgets nothing; once there is room, work goes on.
func TestFullDisk(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "registry.db")
	s := open(t, Config{Log: zerolog.New(zerolog.SyncWriter(&log))}, path)
	c := serving(t, s)
	seed(c)
	before := contentOf(t, s)
	limit := func(pages int) {
		if err := s.store.(*diskStore).db.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes the present size instead
	big := fmt.Sprintf(`{"registry_name":"self","component_name":"catalog","name":"a","url":"u","oas_specification":%q}`, strings.Repeat("x", 100_000))
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			if got := c.do("POST", "/exposed-apis/", big); got.status != 500 {
				t.Errorf("status %d, want 500", got.status)
			}
		})
	}
	writers.Wait()
	sameContent(t, before, contentOf(t, s))
	must[any](c, 200, "GET", "/components/1", "")
	if !strings.Contains(log.String(), "the disk is full: make room") {
		t.Errorf("the log does not tell why: %s", &log)
	}
	limit(1 << 30)
	if id := must[apiView](c, 201, "POST", "/exposed-apis/", big).ID; id != 4 {
		t.Errorf("the first API after the failure has id %d, want 4", id)
	}
	closed(t, s)
	same(t, 4, len(open(t, Config{}, path).Snapshot().APIs))
}

func TestRequestsAfterClose(t *testing.T) {
	s := open(t, Config{}, filepath.Join(t.TempDir(), "registry.db"))
	c := serving(t, s)
	closed(t, s)
	for _, method := range []string{"GET", "POST"} {
		if got := c.do(method, "/labels/", newLabel); got.status != 500 {
			t.Errorf("%s: status %d, want 500", method, got.status)
		}
	}
}

// An answer waits for what it was taken from, a reader's as well as a writer's.
func TestAnswersWaitForTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	s := open(t, Config{}, path)
	d := s.store.(*diskStore)
	written, err := d.run(&d.mu, func(t *tables) error {
		_, err := t.labels.insert(labelRow{Key: "team", Value: "blue"})
		return err
	})
	if err != nil || written == nil {
		t.Fatalf("the write rests on batch %v, %v", written, err)
	}
	look := func(t *tables) error {
		_, err := t.labels.get(1)
		return err
	}
	seen, err := d.run(d.mu.RLocker(), look)
	if err != nil || seen != written {
		t.Fatalf("the reader saw the label and rests on batch %p, %v; want %p", seen, err, written)
	}
	refusal := refuse(400, "Label team=blue already exists")
	if err := d.settle(seen, refusal); err != refusal {
		t.Errorf("outcome %v, want the refusal", err)
	}
	if !written.done || written.err != nil {
		t.Errorf("the batch is done: %v, %v", written.done, written.err)
	}
	if seen, err := d.run(d.mu.RLocker(), look); seen != nil || err != nil {
		t.Errorf("a later reader waits for %v, %v", seen, err)
	}
}
