package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"odasync/test/testenv"
)

// TestLatency logs the time from a Component's creation in the cluster to its entry in the registry. It checks only that the
// entry arrives: the time depends on the machine.
func TestLatency(t *testing.T) {
	env := newEnv(t, "e2e-latency")
	env.StartPair()
	var took []time.Duration
	for i := range 20 {
		began := time.Now()
		env.Apply(testenv.Component("e2e-latency", fmt.Sprintf("latency-%d", i), "1", "first", "second"))
		want := i + 1
		env.Eventually(testenv.Timeout, "component in the registry", func() error {
			if s := env.Registry.Snapshot(); len(s.Components) != want || len(s.APIs) != 2*want {
				return fmt.Errorf("%d components with %d APIs, want %d and %d", len(s.Components), len(s.APIs), want, 2*want)
			}
			return nil
		})
		writes := env.Registry.History()
		took = append(took, writes[len(writes)-1].Time.Sub(began))
	}
	env.AwaitInSync(testenv.Timeout)
	slices.Sort(took)
	t.Logf("from the request to the cluster to the registry's last write: median %.1f ms, fastest %.1f ms, slowest %.1f ms",
		ms(took[len(took)/2]), ms(took[0]), ms(took[len(took)-1]))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
