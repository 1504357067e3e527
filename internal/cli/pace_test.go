package cli_test

import (
	"testing"
	"time"

	"odasync/internal/cli"
)

func TestRate(t *testing.T) {
	for _, test := range []struct {
		done, total int
		took        time.Duration
		want        string
	}{
		{0, 100, time.Second, ""},
		{5, 100, 0, ""},
		{50, 200, 10 * time.Second, ", 5.0/s, 30s left"},
		{200, 200, 10 * time.Second, ", 20.0/s, 0s left"},
	} {
		if got := cli.Rate(test.done, test.total, test.took); got != test.want {
			t.Errorf("%d of %d in %s: %q, want %q", test.done, test.total, test.took, got, test.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{
		"catalog": "catalog", "http://a:8000/base": "http://a:8000/base", "": "''", "key file": "'key file'",
		"it's": `'it'\''s'`, "$HOME": "'$HOME'", "2026-01-02T15:04:05+02:00": "2026-01-02T15:04:05+02:00",
	} {
		if got := cli.ShellQuote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
