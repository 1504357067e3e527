package cli_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"odasync/internal/cli"
)

// A reader that closes the output early, such as head, is no error.
func TestExecute_OutputClosedEarly(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.startWatcher(t, dir)
	p.startSyncer(t, p.url, "v1")
	p.awaitEntries(t, "catalog 1.0.0")
	p.awaitOutcomes(t, 1)
	for _, command := range []string{
		"list", "list -o json", "list -o name", "list -o jsonpath={.items}", "status", "status -o yaml", "events catalog", "diff --no-cluster -o json", "sync catalog", "sync --all",
		"reconcile", "replay --all --dry-run", "describe catalog", "apis -o json", "why catalog", "trace catalog", "version", "preview -f " + dir, "test", "test -o json",
	} {
		t.Run(command, func(t *testing.T) {
			reader, writer, err := os.Pipe()
			must(t, err)
			must(t, reader.Close())
			defer func() { _ = writer.Close() }() // nothing was written
			var stderr bytes.Buffer
			code := cli.Execute(t.Context(), append([]string{"ctl"}, strings.Fields(command)...), writer, &stderr)
			if code != 0 || strings.Contains(stderr.String(), "pipe") {
				t.Errorf("exit code %d, want 0; stderr: %s", code, stderr.String())
			}
		})
	}
}

// Another failure to write is an error.
func TestExecute_OutputFails(t *testing.T) {
	environment(t, nil)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	defer func() { _ = full.Close() }() // nothing was written
	var stderr bytes.Buffer
	if code := cli.Execute(t.Context(), []string{"ctl", "version", "--client"}, full, &stderr); code != 2 || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d, want 2; stderr: %s", code, stderr.String())
	}
}
