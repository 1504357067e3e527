package v1

import (
	"fmt"
	"testing"
	"time"

	"odasync/internal/testcheck"
)

func TestTimestamp(t *testing.T) {
	east := time.FixedZone("east", 3600)
	tests := []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05"},
		{time.Date(2026, 1, 2, 3, 4, 5, 120_000_999, time.UTC), "2026-01-02T03:04:05.120000"},
		{time.Date(2026, 1, 2, 0, 30, 0, 1000, east), "2026-01-01T23:30:00.000001"},
	}
	for _, tt := range tests {
		testcheck.Equal(t, fmt.Sprintf("timestamp(%v)", tt.in), tt.want, timestamp(tt.in))
	}
}
