package e2e

import (
	"strconv"
	"testing"

	"odasync/test/testenv"
)

// TestAPIServerRestarts restarts the API server under a running pipeline, with its history and without. No test that
// uses the cluster may run beside it.
func TestAPIServerRestarts(t *testing.T) {
	l := newLab(t, "e2e-apiserver")
	watcher, syncer := l.StartPair()
	l.change("e2e-apiserver", "1", 20)
	l.AwaitInSync(testenv.Timeout)
	for round, restart := range []func() error{shared.Restart, shared.Compact} {
		l.Must(restart())
		l.change("e2e-apiserver", strconv.Itoa(round+2), 10)
		l.Delete(testenv.Component("e2e-apiserver", "item-"+strconv.Itoa(19-round), ""))
		took := l.AwaitInSync(2 * testenv.Timeout)
		l.AwaitReady(watcher, syncer)
		t.Logf("right %.1f s after restart %d of the API server", took.Seconds(), round+1)
	}
}
