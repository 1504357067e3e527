package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/testcheck"
)

func readConfig(t *testing.T, env map[string]string) Config {
	t.Helper()
	var cfg Config
	err := envconfig.ProcessWith(t.Context(), &envconfig.Config{Target: &cfg, Lookuper: envconfig.MapLookuper(env)})
	testcheck.NoError(t, err)
	return cfg
}

func TestConfig_FromEnvironment(t *testing.T) {
	defaults := Config{
		URL: "http://localhost:8000", Name: "self", NameFormat: "name", API: "auto", IDPrefix: "self", Adopt: true,
	}
	got := readConfig(t, nil)
	testcheck.Equal(t, "defaults", defaults, got)
	testcheck.ErrorIs(t, "the defaults", nil, got.Validate())
	set := Config{
		URL: "https://registry.example.org/base/", APIKey: config.Fixed("k"), Timeout: config.Duration(1500 * time.Millisecond), Name: "north",
		NameFormat: "namespace.name", Segments: []component.Segment{"core", "management", "security"},
		API: "tmf639", IDPrefix: "canvas-{cluster}",
	}
	got = readConfig(t, map[string]string{
		"COMPONENT_REGISTRY_URL": "https://registry.example.org/base/", "COMPONENT_REGISTRY_API_KEY": "k\n",
		"COMPONENT_REGISTRY_TIMEOUT": "1.5", "COMPONENT_REGISTRY_NAME": "north", "COMPONENT_NAME_FORMAT": "namespace.name",
		"EXPOSED_API_SEGMENTS": "core, management,security", "COMPONENT_REGISTRY_API": "tmf639",
		"COMPONENT_REGISTRY_ID_PREFIX": "canvas-{cluster}", "COMPONENT_REGISTRY_ADOPT": "false",
	})
	testcheck.Equal(t, "configuration", set, got)
	testcheck.ErrorIs(t, "validate", nil, got.Validate())
	testcheck.Equal(t, "prefix of cluster east", "canvas-east", got.Prefix("east"))
}

func TestConfig_Validate(t *testing.T) {
	tests := map[string]struct {
		env   map[string]string
		parts []string
		not   string
	}{
		"no scheme":       {env: map[string]string{"COMPONENT_REGISTRY_URL": "localhost:8000"}, parts: []string{`COMPONENT_REGISTRY_URL is "localhost:8000": http://`}},
		"no host":         {env: map[string]string{"COMPONENT_REGISTRY_URL": "http://:8000"}, parts: []string{"COMPONENT_REGISTRY_URL is"}},
		"other scheme":    {env: map[string]string{"COMPONENT_REGISTRY_URL": "nats://host"}, parts: []string{`"nats://host"`}},
		"no URL":          {env: map[string]string{"COMPONENT_REGISTRY_URL": "http://ada:word@ho st"}, parts: []string{"COMPONENT_REGISTRY_URL is not a URL"}, not: "word@"},
		"a query":         {env: map[string]string{"COMPONENT_REGISTRY_URL": "http://ada:word@host/?token=hidden"}, parts: []string{"COMPONENT_REGISTRY_URL is"}, not: "hidden"},
		"password shown":  {env: map[string]string{"COMPONENT_REGISTRY_URL": "ftp://ada:word@host/"}, parts: []string{"ftp://ada:xxxxx@host/"}, not: "word@"},
		"URL too long":    {env: map[string]string{"COMPONENT_REGISTRY_URL": "http://host/" + strings.Repeat("x", 500)}, parts: []string{"512 characters long: at most 500"}},
		"user and key":    {env: map[string]string{"COMPONENT_REGISTRY_URL": "http://ada:word@host", "COMPONENT_REGISTRY_API_KEY": "k"}, parts: []string{"no user here"}, not: "word@"},
		"key with spaces": {env: map[string]string{"COMPONENT_REGISTRY_API_KEY": "se cret"}, parts: []string{"COMPONENT_REGISTRY_API_KEY is ***: printable"}, not: "cret"},
		"timeout":         {env: map[string]string{"COMPONENT_REGISTRY_TIMEOUT": "-1s"}, parts: []string{"COMPONENT_REGISTRY_TIMEOUT is -1s: 0 or more"}},
		"name too long":   {env: map[string]string{"COMPONENT_REGISTRY_NAME": strings.Repeat("é", 101)}, parts: []string{"COMPONENT_REGISTRY_NAME", "1 to 100 characters"}},
		"api":             {env: map[string]string{"COMPONENT_REGISTRY_API": "v3"}, parts: []string{`COMPONENT_REGISTRY_API is "v3": auto, v1 or tmf639`}},
		"prefix":          {env: map[string]string{"COMPONENT_REGISTRY_ID_PREFIX": "a:b"}, parts: []string{`COMPONENT_REGISTRY_ID_PREFIX is "a:b": 1 to 100 printable`}},
		"connections":     {env: map[string]string{"COMPONENT_REGISTRY_MAX_CONNECTIONS": "-1"}, parts: []string{"COMPONENT_REGISTRY_MAX_CONNECTIONS is -1: 0 to 1024"}},
		"too many connections for tmf639": {
			env:   map[string]string{"COMPONENT_REGISTRY_MAX_CONNECTIONS": "16", "COMPONENT_REGISTRY_API": "tmf639"},
			parts: []string{"COMPONENT_REGISTRY_MAX_CONNECTIONS is 16: 0 to 15, since 16 requests at a time"},
		},
		"format":  {env: map[string]string{"COMPONENT_NAME_FORMAT": "ns/name"}, parts: []string{`COMPONENT_NAME_FORMAT is "ns/name": name or namespace.name`}},
		"segment": {env: map[string]string{"EXPOSED_API_SEGMENTS": "core,kore"}, parts: []string{`EXPOSED_API_SEGMENTS is "kore": any of core, management and security`}},
		"all at once": {
			env:   map[string]string{"COMPONENT_REGISTRY_URL": "x", "COMPONENT_REGISTRY_TIMEOUT": "-1", "COMPONENT_NAME_FORMAT": "x", "EXPOSED_API_SEGMENTS": "x"},
			parts: []string{"COMPONENT_REGISTRY_URL", "COMPONENT_REGISTRY_TIMEOUT", "COMPONENT_NAME_FORMAT", "EXPOSED_API_SEGMENTS"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := readConfig(t, test.env).Validate()
			testcheck.ErrorContains(t, err, test.parts...)
			if test.not != "" && strings.Contains(err.Error(), test.not) {
				t.Errorf("%q shows %q", err, test.not)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		err := Config{}.Validate()
		if err == nil || len(strings.Split(err.Error(), "\n")) != 5 {
			t.Errorf("error = %v, want one line for each of the 5 variables that must be set", err)
		}
	})
}
