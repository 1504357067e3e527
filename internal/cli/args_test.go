package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
)

func TestFlagsFirst(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"none":                        {"ctl", "ctl"},
		"a global flag":               {"ctl --version", "ctl --version"},
		"before the command":          {"ctl -n shop --cluster=east list catalog -o json", "ctl list -n shop --cluster=east -o json catalog"},
		"of another command":          {"ctl --all sync", "ctl --all sync"},
		"a boolean before":            {"ctl -A list", "ctl list -A"},
		"an attached value":           {"ctl list -ojson -nshop x", "ctl list -o json -n shop x"},
		"an attached boolean":         {"ctl list -Ax y", "ctl list -Ax y"},
		"before":                      {"ctl sync -n shop catalog", "ctl sync -n shop catalog"},
		"after":                       {"ctl sync catalog -n shop", "ctl sync -n shop catalog"},
		"on both sides":               {"ctl sync -o json catalog --timeout 3s", "ctl sync -o json --timeout 3s catalog"},
		"with an equals sign":         {"ctl sync catalog --namespace=shop", "ctl sync --namespace=shop catalog"},
		"a boolean takes no argument": {"ctl sync --all shop", "ctl sync --all shop"},
		"a boolean after":             {"ctl sync shop --all", "ctl sync --all shop"},
		"without its value":           {"ctl sync catalog -n", "ctl sync -n"},
		"unknown":                     {"ctl sync catalog --bogus x", "ctl sync --bogus catalog x"},
		"help":                        {"ctl sync catalog --help", "ctl sync --help"},
		"after a lone --":             {"ctl sync -o json -- -odd", "ctl sync -o json -- -odd"},
		"a lone -":                    {"ctl sync - -n shop", "ctl sync -n shop -"},
		"of a subcommand":             {"ctl registry serve x --listen :0", "ctl registry serve --listen :0 x"},
		"of an unknown command":       {"ctl bogus x -n shop", "ctl bogus x -n shop"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := cli.FlagsFirst(strings.Fields(test.args))
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	good := map[string]time.Time{
		"90s":                       now.Add(-90 * time.Second),
		"15m":                       now.Add(-15 * time.Minute),
		"2h":                        now.Add(-2 * time.Hour),
		"1h30m":                     now.Add(-90 * time.Minute),
		"7d":                        now.AddDate(0, 0, -7),
		"1d12h":                     now.Add(-36 * time.Hour),
		"0d5m":                      now.Add(-5 * time.Minute),
		"2026-03-04T11:00:00Z":      now.Add(-time.Hour),
		"2026-03-04T12:30:00+01:00": now.Add(-30 * time.Minute),
		"2026-03-04T11:59:59.5Z":    now.Add(-500 * time.Millisecond),
		"2026-03-04T12:00:00Z":      now,
	}
	for text, want := range good {
		if got, err := cli.ParseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "soon", "0s", "0d", "-5m", "7d-1h", "7", "7d7", "d", "1w", "12h1d", "123456d", "2026-03-04", "2026-03-04 11:00:00", "9999999h",
	} {
		if got, err := cli.ParseSince(text, now); err == nil {
			t.Errorf("%q is read as %s", text, got)
		} else if !strings.Contains(err.Error(), "--since is \""+text+"\"") || !strings.Contains(err.Error(), "7d") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := cli.ParseSince("2026-03-04T12:00:01Z", now); err == nil || !strings.Contains(err.Error(), "in the future") {
		t.Errorf("the future: %v", err)
	}
}
