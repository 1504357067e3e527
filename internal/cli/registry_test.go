package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"odasync/internal/cli"
)

// servedRegistry is `ctl registry serve` under way.
type servedRegistry struct {
	t       *testing.T
	address string
	words   string // what it said before it served
	stop    func() int
}

func serveRegistry(t *testing.T, args ...string) *servedRegistry {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stderr, written := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- cli.Execute(ctx, append([]string{"ctl", "registry", "serve", "--listen", "127.0.0.1:0"}, args...), io.Discard, written)
		_ = written.Close() // of a pipe, without an outcome
	}()
	said := bufio.NewReader(stderr)
	words, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("said %q, ended with code %d", words, <-code)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the command
	address := regexp.MustCompile(`http://[\d.:]+`).FindString(words)
	if address == "" {
		t.Fatalf("said %q, which has no address", words)
	}
	stopped := false
	s := &servedRegistry{t: t, address: address, words: words, stop: func() int {
		if stopped {
			return 0
		}
		stopped = true
		cancel()
		return <-code
	}}
	t.Cleanup(func() { s.stop() })
	return s
}

// do returns the status and body of an answer.
func (s *servedRegistry) do(method, path, key, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func TestRegistryServeInMemory(t *testing.T) {
	s := serveRegistry(t)
	if !strings.Contains(s.words, "content in memory") {
		t.Errorf("said %q, which does not tell that nothing is kept", s.words)
	}
	if status, body := s.do("GET", "/", "", ""); status != 200 || !strings.Contains(body, "No components yet") {
		t.Errorf("the page for people: %d %s", status, body)
	}
}

func TestRegistryServeKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		environment map[string]string
		args        []string
		key         string
	}{
		{"from a file", nil, []string{"--api-key-file", file}, "from-a-file"},
		{"from the environment", map[string]string{"COMPONENT_REGISTRY_API_KEY": "from-a-variable"}, nil, "from-a-variable"},
		{"from a file that the environment names", map[string]string{"COMPONENT_REGISTRY_API_KEY_FILE": file}, nil, "from-a-file"},
		{"the flag before the environment", map[string]string{"COMPONENT_REGISTRY_API_KEY": "from-a-variable"}, []string{"--api-key-file", file}, "from-a-file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			s := serveRegistry(t, tt.args...)
			if status, _ := s.do("GET", "/labels/", "", ""); status != 401 {
				t.Errorf("status %d without the key, want 401", status)
			}
			if status, _ := s.do("GET", "/labels/", tt.key, ""); status != 200 {
				t.Errorf("status %d with the key, want 200", status)
			}
		})
	}
}

func TestRegistryServeRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"an argument", []string{"here"}, `unexpected argument "here": see ctl registry serve --help`},
		{"an address in use", []string{"--listen", taken.Addr().String()}, "choose a free address with --listen"},
		{"a key file that is missing", []string{"--api-key-file", filepath.Join(dir, "none")}, "give a readable file that holds the secret"},
		{"an empty key file", []string{"--api-key-file", file("empty", "\n")}, "give one that holds the secret"},
		{"an empty name of the key file", []string{"--api-key-file", ""}, "it holds no key"},
		{"a key of two lines", []string{"--api-key-file", file("two", "secret-one\nsecret-two\n")}, "COMPONENT_REGISTRY_API_KEY is ***: printable ASCII characters without spaces"},
		{"a key on the command line", []string{"--api-key", "secret-one"}, "flag provided but not defined: -api-key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := cli.Execute(t.Context(), append([]string{"ctl", "registry", "serve"}, tt.args...), &stdout, &stderr)
			if code != 2 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("exit code %d, said %q; want 2 and %q", code, &stderr, tt.want)
			}
			if strings.Contains(stderr.String(), "secret-one") {
				t.Errorf("said the key: %q", &stderr)
			}
		})
	}
}
