package e2e

import (
	"strconv"
	"testing"
	"time"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestNATSRestart restarts NATS in good order and after a crash.
func TestNATSRestart(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-nats-restart")
	watcher, syncer := l.StartPair()
	l.change("e2e-nats-restart", "1", 20)
	l.AwaitInSync(testenv.Timeout)

	l.Must(l.NATS[0].Stop())
	l.change("e2e-nats-restart", "2", 15)
	l.RestartNATS()
	l.AwaitInSync(testenv.Timeout)

	l.NATS[0].Kill()
	l.change("e2e-nats-restart", "3", 10)
	l.Delete(testenv.Component("e2e-nats-restart", "item-19", ""))
	l.RestartNATS()
	l.AwaitInSync(testenv.Timeout)
	l.AwaitReady(watcher, syncer)
}

// TestNATSAway takes NATS away for 30 s, longer than every claim and acknowledgement wait.
func TestNATSAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-nats-away")
	watcher, syncer := l.StartPair()
	l.change("e2e-nats-away", "1", 20)
	l.AwaitInSync(testenv.Timeout)

	l.NATS[0].Kill()
	gone := time.Now()
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "nats: not connected"))
	l.Must(syncer.AwaitNotReady(l.Within(testenv.Timeout), "nats: not connected"))
	for round := 2; time.Since(gone) < 30*time.Second; round++ {
		l.change("e2e-nats-away", strconv.Itoa(round), 10)
		l.Must(procs.Pause(t.Context(), 2*time.Second)) // the outage's length is the point
	}
	l.Delete(testenv.Component("e2e-nats-away", "item-19", ""))
	l.RestartNATS()
	took := l.AwaitInSync(testenv.Timeout)
	l.AwaitReady(watcher, syncer)
	t.Logf("right %.1f s after NATS came back", took.Seconds())
}

// TestRegistryAway takes the registry away for a while.
func TestRegistryAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-registry-away")
	_, syncer := l.StartPair()
	l.change("e2e-registry-away", "1", 20)
	l.AwaitInSync(testenv.Timeout)

	l.Registry.Stop()
	l.change("e2e-registry-away", "2", 10)
	l.Delete(testenv.Component("e2e-registry-away", "item-19", ""))
	l.Must(syncer.AwaitNotReady(l.Within(testenv.Timeout), "registry"))
	l.Registry.Start()
	took := l.AwaitInSync(testenv.Timeout)
	l.AwaitReady(syncer)
	t.Logf("right %.1f s after the registry came back", took.Seconds())
}
