package e2e

import (
	"strconv"
	"testing"

	"odasync/test/testenv"
)

// TestAPIServer_Restarts restarts the API server under a running pipeline, with its history and without. No other
// test may use the cluster meanwhile.
func TestAPIServer_Restarts(t *testing.T) {
	env := newEnv(t, "e2e-apiserver")
	watcher, syncer := env.StartPair()
	env.change("e2e-apiserver", "1", 20)
	env.AwaitInSync(testenv.Timeout)
	for round, restart := range []func() error{shared.Restart, shared.Compact} {
		env.Must(restart())
		env.change("e2e-apiserver", strconv.Itoa(round+2), 10)
		env.Delete(testenv.Component("e2e-apiserver", "item-"+strconv.Itoa(19-round), ""))
		took := env.AwaitInSync(2 * testenv.Timeout)
		env.AwaitReady(watcher, syncer)
		t.Logf("in sync %.1f s after restart %d of the API server", took.Seconds(), round+1)
	}
}
