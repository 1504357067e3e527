package contexts_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/contexts"
	"odasync/internal/testcheck"
)

var known = []config.Variable{
	{Name: "NATS_URL"}, {Name: "NATS_USER"}, {Name: "NATS_PASSWORD", Secret: true}, {Name: "COMPONENT_REGISTRY_URL"},
	{Name: "COMPONENT_REGISTRY_API_KEY", Secret: true}, {Name: "CLUSTER_NAME"}, {Name: "KUBECONFIG"},
}

func TestUpdate_KeepsEveryChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "odasync", "config.yaml")
	var changes sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		changes.Go(func() {
			err := contexts.Update(path, func(f *contexts.File) error {
				f.Current = name
				f.Contexts[name] = contexts.Context{"NATS_URL": "nats://" + name}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	changes.Wait()
	f, err := contexts.Load(path)
	testcheck.NoError(t, err)
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f"}, f.Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	testcheck.NoError(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %o", info.Mode().Perm())
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".config-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestLoad_Broken(t *testing.T) {
	for name, content := range map[string]string{
		"no YAML":          "contexts: [",
		"an unknown field": "contexts: {}\nusers: []\n",
		"another shape":    "contexts:\n  local: nats://x\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			testcheck.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := contexts.Load(path)
			testcheck.ErrorContains(t, err, path+" is no file of contexts", "correct it, or remove it")
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			if err := contexts.Update(path, func(*contexts.File) error { return nil }); err == nil {
				t.Error("it was written over")
			}
		})
	}
}

func TestContext_Set(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := contexts.Context{"CLUSTER_NAME": "east"}
	for name, value := range map[string]string{"NATS_URL": "nats://a:1,nats://b:2", "NATS_PASSWORD_FILE": "password", "KUBECONFIG": "x:y", "CLUSTER_NAME": ""} {
		testcheck.NoError(t, c.Set(known, name, value))
	}
	want := contexts.Context{"NATS_URL": "nats://a:1,nats://b:2", "NATS_PASSWORD_FILE": filepath.Join(dir, "password"), "KUBECONFIG": "x:y"}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, test := range []struct{ name, value, problem string }{
		{"NATS_PASSWORD", "s3cr3t", "set NATS_PASSWORD_FILE to a file"},
		{"NATS_URL", "nats://a:1,nats://ada:s3cr3t@b:2", "NATS_URL has a password"},
		{"COMPONENT_REGISTRY_URL", "http://ada:s3cr3t@registry:port", "has a password"},
		{"NATS_URLS", "nats://a", `"NATS_URLS" is no variable of odasync`},
		{"CLUSTER_NAME_FILE", "x", "is no variable"},
	} {
		err := c.Set(known, test.name, test.value)
		testcheck.ErrorContains(t, err, test.problem)
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("shows the secret: %v", err)
		}
	}
}

func TestContext_Behind(t *testing.T) {
	c := contexts.Context{
		"NATS_URL": "nats://context", "NATS_USER": "ada", "NATS_PASSWORD_FILE": "/password", "CLUSTER_NAME": "east",
		"COMPONENT_REGISTRY_URL": "http://context", "COMPONENT_REGISTRY_API_KEY_FILE": "/key",
	}
	for name, test := range map[string]struct{ environment, want map[string]string }{
		"an empty environment":       {nil, c},
		"another cluster":            {map[string]string{"CLUSTER_NAME": "west"}, map[string]string{"CLUSTER_NAME": "west", "NATS_USER": "ada"}},
		"other servers":              {map[string]string{"NATS_URL": "nats://other"}, map[string]string{"NATS_URL": "nats://other", "NATS_USER": "", "NATS_PASSWORD_FILE": "", "CLUSTER_NAME": "east"}},
		"a secret in the other form": {map[string]string{"COMPONENT_REGISTRY_API_KEY": "k"}, map[string]string{"COMPONENT_REGISTRY_API_KEY_FILE": "", "COMPONENT_REGISTRY_URL": "http://context"}},
	} {
		t.Run(name, func(t *testing.T) {
			variables := c.Behind(envconfig.MapLookuper(test.environment))
			for variable, want := range test.want {
				if got, _ := variables.Lookup(variable); got != want {
					t.Errorf("%s is %q, want %q", variable, got, want)
				}
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"local", "prod-1", "a.b_c"} {
		testcheck.NoError(t, contexts.CheckName(good))
	}
	for _, bad := range []string{"", "-x", "a b", "a\x1b[2J", strings.Repeat("a", 64)} {
		if contexts.CheckName(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
