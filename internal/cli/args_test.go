package cli_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
)

func TestFlagsMayStandBehindArguments(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"none":                        {"ctl", "ctl"},
		"a global flag":               {"ctl --version", "ctl --version"},
		"before":                      {"ctl sync -n shop catalog", "ctl sync -n shop catalog"},
		"behind":                      {"ctl sync catalog -n shop", "ctl sync -n shop catalog"},
		"on both sides":               {"ctl sync -o json catalog --timeout 3s", "ctl sync -o json --timeout 3s catalog"},
		"with an equals sign":         {"ctl sync catalog --namespace=shop", "ctl sync --namespace=shop catalog"},
		"a boolean takes no argument": {"ctl sync --all shop", "ctl sync --all shop"},
		"a boolean behind":            {"ctl sync shop --all", "ctl sync --all shop"},
		"without its value":           {"ctl sync catalog -n", "ctl sync -n catalog"},
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
