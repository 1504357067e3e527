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
