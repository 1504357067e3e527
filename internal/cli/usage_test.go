package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestHelpIsDone(t *testing.T) {
	environment(t, nil)
	for _, args := range []string{"", "--help", "-h", "--version", "list --help", "sync --help", "sync name --help", "replay --help", "replay name --help", "reconcile --help", "test --help", "run --help", "diff --help", "status --help", "events --help", "events name --help", "dlq --help", "dlq list --help", "dlq retry --help", "registry --help", "registry serve --help", "health --help"} {
		t.Run("ctl "+args, func(t *testing.T) {
			got := ctl(t, strings.Fields(args)...)
			got.expect(t, 0)
			if got.stdout == "" {
				t.Error("nothing on stdout")
			}
		})
	}
}

func TestWrongUse(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	tests := map[string]struct {
		args  []string
		env   map[string]string
		words []string // in the error
	}{
		"unknown command":          {args: []string{"frobnicate"}, words: []string{`unknown command "frobnicate"`, "ctl --help"}},
		"unknown global flag":      {args: []string{"--bogus"}, words: []string{"bogus", "ctl --help"}},
		"unknown subcommand":       {args: []string{"registry", "bogus"}, words: []string{"bogus", "ctl registry --help"}},
		"list, unknown flag":       {args: []string{"list", "--bogus"}, words: []string{"bogus", "ctl list --help"}},
		"list, an argument":        {args: []string{"list", "catalog"}, words: []string{`unexpected argument "catalog"`, "ctl list --help"}},
		"list, unknown form":       {args: []string{"list", "-o", "xml"}, words: []string{`--output is "xml": table, wide, json, yaml, name`}},
		"list, no time":            {args: []string{"list", "--timeout", "0s"}, words: []string{"--timeout must be more than 0"}},
		"list, odd time":           {args: []string{"list", "--timeout", "soon"}, words: []string{"soon", "ctl list --help"}},
		"list, configuration":      {args: []string{"list"}, env: map[string]string{"SYNC_CONCURRENCY": "0", "STREAM_REPLICAS": "2"}, words: []string{"SYNC_CONCURRENCY is 0: 1 to 1024", "STREAM_REPLICAS is 2"}},
		"sync, unknown flag":       {args: []string{"sync", "catalog", "--bogus"}, words: []string{"bogus", "ctl sync --help"}},
		"sync, nothing":            {args: []string{"sync"}, words: []string{"give the name of a component, or --all"}},
		"sync, a name and all":     {args: []string{"sync", "catalog", "--all"}, words: []string{"give the name of a component, or --all"}},
		"sync, two names":          {args: []string{"sync", "catalog", "orders"}, words: []string{`unexpected argument "orders"`}},
		"sync, unknown form":       {args: []string{"sync", "catalog", "-o", "xml"}, words: []string{`--output is "xml"`}},
		"test, unknown flag":       {args: []string{"test", "--bogus"}, words: []string{"bogus", "ctl test --help"}},
		"test, an argument":        {args: []string{"test", "nats"}, words: []string{`unexpected argument "nats"`, "ctl test --help"}},
		"test, unknown form":       {args: []string{"test", "-o", "name"}, words: []string{`--output is "name": table, json, yaml`}},
		"test, configuration":      {args: []string{"test"}, env: map[string]string{"COMPONENT_REGISTRY_TIMEOUT": "soon"}, words: []string{`COMPONENT_REGISTRY_TIMEOUT is "soon"`}},
		"status, an argument":      {args: []string{"status", "nats"}, words: []string{`unexpected argument "nats"`, "ctl status --help"}},
		"events, nothing":          {args: []string{"events"}, words: []string{"give the name of a component, or --follow"}},
		"events, two names":        {args: []string{"events", "catalog", "orders"}, words: []string{`unexpected argument "orders"`}},
		"events, two to follow":    {args: []string{"events", "-f", "catalog", "orders"}, words: []string{`unexpected argument "orders"`}},
		"events, odd time":         {args: []string{"events", "catalog", "--since", "yesterday"}, words: []string{`--since is "yesterday"`, "7d"}},
		"events, empty time":       {args: []string{"events", "catalog", "--since="}, words: []string{`--since is ""`}},
		"events, unknown form":     {args: []string{"events", "catalog", "-o", "name"}, words: []string{`--output is "name": table, wide, json, yaml`}},
		"events, unknown flag":     {args: []string{"events", "catalog", "--bogus"}, words: []string{"bogus", "ctl events --help"}},
		"diff, two names":          {args: []string{"diff", "catalog", "orders"}, words: []string{`unexpected argument "orders"`, "none for all"}},
		"diff, unknown form":       {args: []string{"diff", "-o", "wide"}, words: []string{`--output is "wide": table, json, yaml`}},
		"diff, unknown flag":       {args: []string{"diff", "--bogus"}, words: []string{"bogus", "ctl diff --help"}},
		"diff, configuration":      {args: []string{"diff"}, env: map[string]string{"COMPONENT_REGISTRY_TIMEOUT": "soon", "KUBERNETES_NAMESPACE": "A"}, words: []string{`COMPONENT_REGISTRY_TIMEOUT is "soon"`, "KUBERNETES_NAMESPACE is"}},
		"dlq, unknown subcommand":  {args: []string{"dlq", "purge"}, words: []string{`unknown command "purge"`, "ctl dlq --help"}},
		"dlq list, an argument":    {args: []string{"dlq", "list", "catalog"}, words: []string{`unexpected argument "catalog"`, "ctl dlq list --help"}},
		"dlq list, unknown reason": {args: []string{"dlq", "list", "--reason", "mood"}, words: []string{`--reason is "mood": moved, alone, rejected, taken, unreadable`}},
		"dlq show, nothing":        {args: []string{"dlq", "show"}, words: []string{"give the name of one component"}},
		"dlq retry, nothing":       {args: []string{"dlq", "retry"}, words: []string{"give the name of a component, --reason, or --all"}},
		"dlq drop, a name and all": {args: []string{"dlq", "drop", "catalog", "--all"}, words: []string{"give the name of a component, --reason, or --all"}},
		"dlq drop, two names":      {args: []string{"dlq", "drop", "catalog", "orders"}, words: []string{`unexpected argument "orders"`}},
		"replay, nothing":          {args: []string{"replay"}, words: []string{"say what to replay: the name of a component, -n, --since, --from-seq, or --all"}},
		"replay, only a registry":  {args: []string{"replay", "--to", "http://registry"}, words: []string{"say what to replay"}},
		"replay, a name and all":   {args: []string{"replay", "catalog", "--all"}, words: []string{"give the name of a component, or --all"}},
		"replay, two names":        {args: []string{"replay", "catalog", "orders"}, words: []string{`unexpected argument "orders"`}},
		"replay, odd time":         {args: []string{"replay", "--since", "soon"}, words: []string{`--since is "soon": give a time`, "7d"}},
		"replay, odd sequence":     {args: []string{"replay", "--from-seq", "-1"}, words: []string{"from-seq", "ctl replay --help"}},
		"replay, every live event": {args: []string{"replay", "--all", "--every-event"}, words: []string{"--every-event would show older states in the live registry", "give --to URL"}},
		"replay, to nowhere":       {args: []string{"replay", "--all", "--to", ""}, words: []string{"--to is empty"}},
		"replay, a key for live":   {args: []string{"replay", "--all", "--to-api-key-file", "key"}, words: []string{"--to-api-key-file is for the registry of --to"}},
		"replay, no concurrency":   {args: []string{"replay", "--all", "--concurrency", "0"}, words: []string{"--concurrency is 0: 1 to 1024"}},
		"replay, no time":          {args: []string{"replay", "--all", "--timeout", "0s"}, words: []string{"--timeout must be more than 0"}},
		"replay, unknown form":     {args: []string{"replay", "--all", "-o", "wide"}, words: []string{`--output is "wide": table, json, yaml`}},
		"replay, unknown flag":     {args: []string{"replay", "--bogus"}, words: []string{"bogus", "ctl replay --help"}},
		"replay, configuration":    {args: []string{"replay", "--all"}, env: map[string]string{"COMPONENT_REGISTRY_URL": "ftp://x"}, words: []string{"COMPONENT_REGISTRY_URL is"}},
		"run, unknown flag":        {args: []string{"run", "--bogus"}, words: []string{"bogus", "ctl run --help"}},
		"run, an argument":         {args: []string{"run", "deploy"}, words: []string{`unexpected argument "deploy"`, "ctl run --help"}},
		"run, no such folder":      {args: []string{"run", "--manifests", missing}, words: []string{missing + " does not exist: create it or name another"}},
		"run, no folder named":     {args: []string{"run", "--manifests", ""}, words: []string{"no manifest folder named"}},
		"run, configuration, once": {args: []string{"run"}, env: map[string]string{"LOG_LEVEL": "LOUD", "NATS_URL": "x"}, words: []string{"LOG_LEVEL is \"LOUD\"", "NATS_URL is x"}},
		"registry serve, address":  {args: []string{"registry", "serve", "--listen", "nonsense"}, words: []string{"choose a free address with --listen"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment(t, test.env)
			got := ctl(t, test.args...)
			got.expect(t, 2, append(test.words, "ctl: ")...)
			if got.stdout != "" {
				t.Errorf("words on stdout: %s", got.stdout)
			}
			for _, line := range strings.Split(strings.TrimSpace(got.stderr), "\n") {
				if strings.Count(got.stderr, line) > 1 {
					t.Errorf("says twice: %s", line)
				}
			}
		})
	}
}

func TestAMalformedDotenvIsRefused(t *testing.T) {
	environment(t, nil)
	writeFile(t, ".env", "COMPONENT_REGISTRY_API_KEY s3cr3t\n")
	for _, args := range [][]string{{"list"}, {"test"}, {"run"}, {"sync", "--all"}} {
		got := ctl(t, args...)
		got.expect(t, 2, ".env cannot be read")
		if strings.Contains(got.stderr, "s3cr3t") {
			t.Errorf("shows the secret: %s", got.stderr)
		}
	}
}
