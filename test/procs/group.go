package procs

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"odasync/internal/testcheck"
)

// Group starts processes and ends them.
type Group struct {
	// Dir holds the logs and what the processes write.
	Dir string

	bin   string
	mu    sync.Mutex
	procs []*Process
}

// NewGroup returns an empty group whose logs go to the folder.
func NewGroup(dir string) (*Group, error) {
	bin, err := BinDir()
	if err != nil {
		return nil, err
	}
	return &Group{Dir: dir, bin: bin}, nil
}

// Temporary returns an empty group in a new folder with the name, and what stops its processes and removes the folder.
func Temporary(name string) (*Group, func() error, error) {
	dir, err := os.MkdirTemp("", name+"-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder: %w", err)
	}
	g, err := NewGroup(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return g, func() error { return errors.Join(g.Stop(), os.RemoveAll(dir)) }, nil
}

// ForTest returns a group that ends with the test. What its processes wrote last is shown when the test has failed, and
// a process that ended by itself or with an error fails the test.
func ForTest(t testing.TB) *Group {
	t.Helper()
	g := testcheck.Must(NewGroup(t.TempDir()))
	t.Cleanup(func() {
		testcheck.ErrorIs(t, "stop", nil, g.Stop())
		if t.Failed() {
			for _, p := range g.all() {
				t.Logf("last output of %s:\n%s", p.Spec.Name, p.Tail(15))
			}
		}
	})
	return g
}

// Start runs a program.
func (g *Group) Start(spec Spec) (*Process, error) {
	binary := filepath.Join(cmp.Or(spec.Folder, g.bin), spec.Program)
	if _, err := os.Stat(binary); err != nil {
		return nil, missing(err)
	}
	p, err := start(spec, binary, g.Dir)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.procs = append(g.procs, p)
	return p, nil
}

// Stop ends all processes, the youngest first.
func (g *Group) Stop() error {
	var problems []error
	for _, p := range slices.Backward(g.all()) {
		problems = append(problems, p.Stop())
	}
	return errors.Join(problems...)
}

func (g *Group) all() []*Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.procs)
}

// BinDir returns the folder of built programs: the one that ODASYNC_BIN names, else bin in the module's root.
func BinDir() (string, error) {
	if dir := os.Getenv("ODASYNC_BIN"); dir != "" {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("find the programs in ODASYNC_BIN: %w", err)
		}
		return dir, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "bin"), nil
}

// Root returns the folder of the module that the working directory belongs to.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the module's root: no go.mod above the working directory: run this in the repository")
		}
	}
}

func missing(err error) error {
	return fmt.Errorf("find a program: %w: run `make build servers`, or set ODASYNC_BIN to the folder of the programs", err)
}
