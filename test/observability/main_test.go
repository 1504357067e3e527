package observability

import (
	"os"
	"testing"
	"time"

	"odasync/test/cluster"
	"odasync/test/testenv"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &shared)) }

// workingTime is the duration of the changes and faults.
func workingTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("OBSERVABILITY_DURATION")
	if text == "" {
		return 25 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 25*time.Second {
		t.Fatalf("OBSERVABILITY_DURATION is %q: 25s or more", text)
	}
	return d
}
