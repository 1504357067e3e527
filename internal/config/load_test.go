package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/testcheck"
)

// server is a section with a value of every kind.
type server struct {
	Port    int             `env:"PORT, default=80" help:"port, 1 to 100"`
	Wait    config.Duration `env:"WAIT, default=5s" help:"how long to wait"`
	Enabled bool            `env:"ENABLED, default=true" help:"whether it is on"`
	Detail  []string        `env:"WORDS, default=a,b" help:"some words, with commas"`
	Path    string          `env:"FILE_PATH" help:"a path"`
	Plain   string          // no variable fills it
}

func (s *server) Validate() error {
	var problems []error
	if s.Port < 1 || s.Port > 100 {
		problems = append(problems, fmt.Errorf("PORT is %d: 1 to 100", s.Port))
	}
	if s.Wait < 0 {
		problems = append(problems, fmt.Errorf("WAIT is %s: 0 or more", s.Wait))
	}
	return errors.Join(problems...)
}

// access is a section with a secret.
type access struct {
	Key  config.Secret `env:"KEY" help:"the key"`
	User string        `env:"USER_NAME, default=nobody" help:"the user"`
}

func (a *access) Validate() error {
	if strings.Contains(a.Key.Reveal(), " ") {
		return fmt.Errorf("KEY is %s: no spaces", a.Key)
	}
	return nil
}

func load(env map[string]string, sections ...config.Section) error {
	return config.Load(context.Background(), envconfig.MapLookuper(env), sections...)
}

// lines splits an error into its problems.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestLoadFillsEverySection(t *testing.T) {
	tests := map[string]struct {
		env    map[string]string
		server server
		access access
	}{
		"the defaults": {
			server: server{Port: 80, Wait: config.Duration(5 * time.Second), Enabled: true, Detail: []string{"a", "b"}, Plain: "kept"},
			access: access{User: "nobody"},
		},
		"values": {
			env: map[string]string{"PORT": "7", "WAIT": "0.5", "ENABLED": "false", "WORDS": "c", "FILE_PATH": "/p", "KEY": "k", "USER_NAME": "ada"},
			server: server{
				Port: 7, Wait: config.Duration(500 * time.Millisecond), Detail: []string{"c"}, Path: "/p", Plain: "kept",
			},
			access: access{Key: "k", User: "ada"},
		},
		"empty where there is no default": {
			env:    map[string]string{"FILE_PATH": "", "KEY": ""},
			server: server{Port: 80, Wait: config.Duration(5 * time.Second), Enabled: true, Detail: []string{"a", "b"}, Plain: "kept"},
			access: access{User: "nobody"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			one, other := server{Plain: "kept"}, access{}
			testcheck.NoError(t, load(test.env, &one, &other))
			testcheck.Equal(t, "server", test.server, one)
			if diff := cmp.Diff(test.access, other); diff != "" || other.Key.Reveal() != test.access.Key.Reveal() {
				t.Errorf("access (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadReportsAllProblems(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	tests := map[string]struct {
		env  map[string]string
		want []string // a part of each problem, in their order
	}{
		"wrong type": {map[string]string{"PORT": "eighty"}, []string{`PORT is "eighty": a whole number (port, 1 to 100)`}},
		"beyond the type": {map[string]string{"PORT": "99999999999999999999"},
			[]string{`PORT is "99999999999999999999": a whole number (port, 1 to 100)`}},
		"no bool":      {map[string]string{"ENABLED": "maybe"}, []string{`ENABLED is "maybe": true or false (whether it is on)`}},
		"no duration":  {map[string]string{"WAIT": "soon"}, []string{`WAIT is "soon": seconds, such as 30, or a duration, such as 500ms or 5m (how long to wait)`}},
		"out of range": {map[string]string{"PORT": "101"}, []string{"PORT is 101: 1 to 100"}},
		"empty":        {map[string]string{"PORT": ""}, []string{"PORT is empty: unset it for 80, or give port, 1 to 100"}},
		"all sections at once, each problem once": {
			map[string]string{"PORT": "x", "WAIT": "-1", "ENABLED": "", "KEY": "a b", "USER_NAME": ""},
			[]string{`PORT is "x"`, "ENABLED is empty", "WAIT is -1s", "USER_NAME is empty", "KEY is ***"},
		},
		"secret file is missing": {map[string]string{"KEY_FILE": missing},
			[]string{`KEY_FILE is "` + missing + `"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := lines(load(test.env, new(server), new(access)))
			if len(got) != len(test.want) {
				t.Fatalf("got %d problems, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.Contains(got[i], test.want[i]) {
					t.Errorf("problem %d is %q, want one with %q", i, got[i], test.want[i])
				}
			}
		})
	}
}

// Two processes in one have some sections in common.
func TestLoadReportsAProblemOfTwoSectionsOnce(t *testing.T) {
	got := lines(load(map[string]string{"PORT": "0", "WAIT": "soon"}, new(server), new(access), new(server)))
	if len(got) != 2 {
		t.Errorf("got %q, want PORT and WAIT once each", got)
	}
}

func TestLoadSecrets(t *testing.T) {
	const value = "s3cr3t-value"
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		testcheck.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	good, empty := file("good", value+"\r\n"), file("empty", "\n")
	tests := map[string]struct {
		env  map[string]string
		want string
		bad  string // part of the only problem
	}{
		"from the variable":                  {env: map[string]string{"KEY": value}, want: value},
		"from the file":                      {env: map[string]string{"KEY_FILE": good}, want: value},
		"the file, the variable is empty":    {env: map[string]string{"KEY": "", "KEY_FILE": good}, want: value},
		"the variable, the file is empty":    {env: map[string]string{"KEY": value, "KEY_FILE": ""}, want: value},
		"both":                               {env: map[string]string{"KEY": value, "KEY_FILE": good}, bad: "KEY and KEY_FILE are both set: give one of them"},
		"both, the file is missing":          {env: map[string]string{"KEY": value, "KEY_FILE": dir + "/missing"}, bad: "both set"},
		"a missing file":                     {env: map[string]string{"KEY_FILE": dir + "/missing"}, bad: "give a readable file that holds the secret"},
		"a folder":                           {env: map[string]string{"KEY_FILE": dir}, bad: "give a readable file that holds the secret"},
		"a file without a secret":            {env: map[string]string{"KEY_FILE": empty}, bad: `KEY_FILE is "` + empty + `": the file is empty`},
		"refused by Validate":                {env: map[string]string{"KEY": value + " and more"}, bad: "KEY is ***: no spaces"},
		"refused by Validate, from the file": {env: map[string]string{"KEY_FILE": file("spaces", value+" and more")}, bad: "KEY is ***: no spaces"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got access
			problems := lines(load(test.env, &got))
			for _, problem := range problems {
				if strings.Contains(problem, value) {
					t.Errorf("shows the secret: %s", problem)
				}
			}
			if test.bad != "" {
				if len(problems) != 1 || !strings.Contains(problems[0], test.bad) {
					t.Fatalf("problems %q, want one with %q", problems, test.bad)
				}
				return
			}
			if problems != nil {
				t.Fatal(problems)
			}
			testcheck.Equal(t, "key", test.want, got.Key.Reveal())
		})
	}
}

func TestVariables(t *testing.T) {
	want := []config.Variable{
		{Name: "KEY", Help: "the key", Secret: true},
		{Name: "USER_NAME", Default: "nobody", Help: "the user"},
		{Name: "PORT", Default: "80", Help: "port, 1 to 100"},
		{Name: "WAIT", Default: "5s", Help: "how long to wait"},
		{Name: "ENABLED", Default: "true", Help: "whether it is on"},
		{Name: "WORDS", Default: "a,b", Help: "some words, with commas"},
		{Name: "FILE_PATH", Help: "a path"},
	}
	testcheck.Equal(t, "variables", want, config.Variables(new(access), new(server)))
}
