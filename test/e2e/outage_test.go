package e2e

import (
	"strconv"
	"testing"
	"time"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestNATS_Restart restarts NATS after a graceful stop and after a crash.
func TestNATS_Restart(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-nats-restart")
	env.change("e2e-nats-restart", "1", 20)
	env.AwaitInSync(testenv.Timeout)

	env.Must(env.NATS[0].Stop())
	env.change("e2e-nats-restart", "2", 15)
	env.RestartNATS()
	env.AwaitInSync(testenv.Timeout)

	env.NATS[0].Kill()
	env.change("e2e-nats-restart", "3", 10)
	env.Delete(testenv.Component("e2e-nats-restart", "item-19", ""))
	env.RestartNATS()
	env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(watcher, syncer)
}

// TestNATS_Outage stops NATS for 30 s, longer than every claim and ack wait.
func TestNATS_Outage(t *testing.T) {
	env, watcher, syncer := newPair(t, "e2e-nats-away")
	env.change("e2e-nats-away", "1", 20)
	env.AwaitInSync(testenv.Timeout)

	env.NATS[0].Kill()
	gone := time.Now()
	env.AwaitNotReady(watcher, "nats: not connected")
	env.AwaitNotReady(syncer, "nats: not connected")
	for round := 2; time.Since(gone) < 30*time.Second; round++ {
		env.change("e2e-nats-away", strconv.Itoa(round), 10)
		env.Must(procs.Pause(t.Context(), 2*time.Second)) // the length of the outage matters
	}
	env.Delete(testenv.Component("e2e-nats-away", "item-19", ""))
	env.RestartNATS()
	took := env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(watcher, syncer)
	t.Logf("in sync %.1f s after NATS came back", took.Seconds())
}

// TestRegistry_Outage stops the registry for a while.
func TestRegistry_Outage(t *testing.T) {
	env, _, syncer := newPair(t, "e2e-registry-away")
	env.change("e2e-registry-away", "1", 20)
	env.AwaitInSync(testenv.Timeout)

	env.Registry.Stop()
	env.change("e2e-registry-away", "2", 10)
	env.Delete(testenv.Component("e2e-registry-away", "item-19", ""))
	env.AwaitNotReady(syncer, "registry")
	env.Registry.Start()
	took := env.AwaitInSync(testenv.Timeout)
	env.AwaitReady(syncer)
	t.Logf("in sync %.1f s after the registry came back", took.Seconds())
}

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
