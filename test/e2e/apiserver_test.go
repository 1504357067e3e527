package e2e

import (
	"strconv"
	"testing"
)

// TestAPIServerRestarts restarts the API server under a running pipeline, with its history and without. No test that
// uses the cluster may run beside it.
func TestAPIServerRestarts(t *testing.T) {
	l := newLab(t, "e2e-apiserver")
	watcher, syncer := l.pair()
	l.change("e2e-apiserver", "1", 20)
	l.equal(patience)
	for round, restart := range []func() error{shared.Restart, shared.Compact} {
		l.must(restart())
		l.change("e2e-apiserver", strconv.Itoa(round+2), 10)
		l.delete(component("e2e-apiserver", "item-"+strconv.Itoa(19-round), ""))
		took := l.equal(2 * patience)
		l.ready(watcher, syncer)
		t.Logf("right %.1f s after restart %d of the API server", took.Seconds(), round+1)
	}
}
