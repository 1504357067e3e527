package contexts

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sigs.k8s.io/yaml"
)

// File is the content of the file.
type File struct {
	// Current is the selected context; empty for none.
	Current string `json:"current,omitempty"`
	// Contexts are the contexts by name.
	Contexts map[string]Context `json:"contexts,omitempty"`
}

// Context has the values of variables by name.
type Context map[string]string

// Path is where the file is: below $XDG_CONFIG_HOME, or else ~/.config. It is empty for a user without a home.
func Path() string {
	base := os.Getenv("XDG_CONFIG_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "odasync", "config.yaml")
}

// Load reads the file. Without one there are no contexts.
func Load(path string) (*File, error) {
	f := &File{Contexts: map[string]Context{}}
	content, err := os.ReadFile(path)
	switch {
	case path == "", errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("read the contexts: %w", err)
	}
	if err := yaml.UnmarshalStrict(content, f); err != nil {
		problem := strings.Join(strings.Fields(err.Error()), " ")
		return nil, fmt.Errorf("%s is no file of contexts: %s: correct it, or remove it", path, problem)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	return f, nil
}

// Update changes the file, one process at a time.
func Update(path string, change func(*File) error) error {
	if path == "" {
		return errors.New("there is no place for contexts: set XDG_CONFIG_HOME")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the contexts: %w: set XDG_CONFIG_HOME to a folder of yours", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		defer func() { _ = lock.Close() }() // which releases it
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return fmt.Errorf("write the contexts: %w: set XDG_CONFIG_HOME to a folder of yours", err)
	}
	f, err := Load(path)
	if err == nil {
		err = change(f)
	}
	if err != nil {
		return err
	}
	return f.save(path)
}

// save replaces the file as a whole.
func (f *File) save(path string) error {
	content, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".config-*") // with the mode 0600
	if err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	_, err = next.Write(content)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		_ = os.Remove(next.Name()) // it is of no use
		return fmt.Errorf("write the contexts: %w", err)
	}
	return nil
}

// Names are the names of the contexts, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

// Context returns the context with the name.
func (f *File) Context(name string) (Context, error) {
	if c, ok := f.Contexts[name]; ok {
		return c, nil
	}
	if len(f.Contexts) == 0 {
		return nil, fmt.Errorf("no context %q, and no other: create one with `ctl context set %s NATS_URL=nats://HOST:PORT`", name, name)
	}
	return nil, fmt.Errorf("no context %q: there are %s", name, strings.Join(f.Names(), ", "))
}
