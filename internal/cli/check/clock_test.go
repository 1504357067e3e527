package check

import (
	"strings"
	"testing"
	"time"
)

func TestSkew(t *testing.T) {
	asked := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	answered := asked.Add(200 * time.Millisecond)
	middle := asked.Add(100 * time.Millisecond)
	for name, test := range map[string]struct {
		server    time.Time
		precision time.Duration
		want      string // of the detail
		failure   string
	}{
		"in the middle":               {server: middle, want: "in step"},
		"within the request":          {server: answered, want: "in step"},
		"within the server's seconds": {server: middle.Add(500 * time.Millisecond), precision: 500 * time.Millisecond, want: "in step"},
		"somewhat ahead":              {server: middle.Add(1100 * time.Millisecond), want: "1s ahead of this machine"},
		"somewhat behind":             {server: middle.Add(-2100 * time.Millisecond), want: "2s behind this machine"},
		"far ahead":                   {server: middle.Add(time.Minute), failure: "the clock of the server is 1m0s ahead of that of this machine"},
		"far behind":                  {server: middle.Add(-time.Hour), failure: "the clock of the server is 1h0m0s behind that of this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := skew("the server", test.server, asked, answered, test.precision)
			switch {
			case test.failure != "" && (err == nil || err.Error() != test.failure):
				t.Errorf("got %q, %v; want the failure %q", got, err, test.failure)
			case test.failure == "" && (err != nil || !strings.Contains(got, test.want)):
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
