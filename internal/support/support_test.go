package support_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/config"
	"odasync/internal/support"
)

// variables are secrets and other ones.
var variables = []config.Variable{
	{Name: "NATS_URL", Default: "nats://localhost:4222"}, {Name: "NATS_PASSWORD", Secret: true},
	{Name: "API_KEY", Secret: true}, {Name: "LOG_LEVEL", Default: "INFO"}, {Name: "SHORT", Secret: true}, {Name: "LONG", Secret: true},
}

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, set := values[name]; return value, set }
}

func TestRedactor_Text(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("k3y\"<from/file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	redact := support.NewRedactor(variables, lookup(map[string]string{
		"NATS_URL": "nats://user:urlpass@a:4222, nats://nattoken@b:4222", "NATS_PASSWORD": "hunter22 &x", "API_KEY_FILE": file, "SHORT": "ab", "LONG": "hunter22 &x and more",
	}))
	for text, want := range map[string]string{
		"hunter22 &x and more":                         "***",
		"password hunter22 &x.":                        "password ***.",
		"escaped hunter22+%26x and hunter22%20&x":      "escaped *** and ***",
		`"key": "k3y\"<from/file"`:                     `"key": "***"`,
		"urlpass, nattoken":                            "***, ***",
		"dial nats://who:ever@host:4222 failed":        "dial nats://***@host:4222 failed",
		"Authorization: Bearer abc.def-ghi":            "Authorization: Bearer ***",
		"basic dXNlcjpwYXNz":                           "basic ***",
		"GET http://x/y?api_key=zzz&page=2":            "GET http://x/y?api_key=***&page=2",
		"mail ada@example.org, about, http://x/a@b, 1": "mail ada@example.org, about, http://x/a@b, 1",
	} {
		if got := redact.Text(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	values := lookup(map[string]string{"NATS_URL": "nats://u:pass@a", "API_KEY": "secret-key", "NATS_PASSWORD_FILE": "/run/secret"})
	want := []support.Setting{
		{"NATS_URL", "nats://***@a", true}, {"NATS_PASSWORD", "", false}, {"NATS_PASSWORD_FILE", "/run/secret", true},
		{"API_KEY", "***", true}, {"LOG_LEVEL", "INFO", false}, {"SHORT", "", false}, {"LONG", "", false},
	}
	got := support.Settings(append(variables, variables[0]), values, support.NewRedactor(variables, values))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out bytes.Buffer
	values := lookup(map[string]string{"API_KEY": "s3cr3t<>"})
	archive := support.NewArchive(&out, support.NewRedactor(variables, values), at)
	collect := func(name string, value any, err error) {
		if err := archive.Collect(name, func() (any, error) { return value, err }); err != nil {
			t.Fatal(err)
		}
	}
	collect("status.json", map[string]string{"problem": "rejected s3cr3t<>"}, nil)
	collect("streams.json", nil, errors.New("no answer to s3cr3t<>"))
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string]string{}
	for files := tar.NewReader(zip); ; {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		text, readErr := io.ReadAll(files)
		if err != nil || readErr != nil || header.Mode != 0o600 {
			t.Fatal(header, err, readErr)
		}
		documents[strings.TrimPrefix(header.Name, support.Name(at)+"/")] = string(text)
	}
	want := map[string]string{
		"status.json": "{\n  \"problem\": \"rejected ***\"\n}\n",
		"errors.txt":  "streams.json: no answer to ***\n",
	}
	if diff := cmp.Diff(want, documents); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
