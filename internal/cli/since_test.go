package cli_test

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/cli"
)

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
	if _, err := cli.ParseSince("2026-03-04T12:00:01Z", now); err == nil || !strings.Contains(err.Error(), "still to come") {
		t.Errorf("the future: %v", err)
	}
}
