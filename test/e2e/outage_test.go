package e2e

import (
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"odasync/test/procs"
)

// change gives a new state to Components 0 to count-1 of a namespace, with fewer in each later round.
func (l *lab) change(namespace, version string, count int) {
	l.Helper()
	for i := range count {
		l.apply(component(namespace, fmt.Sprintf("item-%d", i), version, "api-"+version))
	}
}

// natsAgain starts NATS where it was, with the data that it had.
func (l *lab) natsAgain() {
	l.Helper()
	where, err := url.Parse(l.natsURL)
	l.must(err)
	port, err := strconv.Atoi(where.Port())
	l.must(err)
	l.nats, _, err = l.group.NATS(l.within(patience), "nats", port)
	l.must(err)
}

// TestNATSRestart restarts NATS in good order and after a crash.
func TestNATSRestart(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-nats-restart")
	watcher, syncer := l.pair()
	l.change("e2e-nats-restart", "1", 20)
	l.equal(patience)

	l.must(l.nats.Stop())
	l.change("e2e-nats-restart", "2", 15)
	l.natsAgain()
	l.equal(patience)

	l.nats.Kill()
	l.change("e2e-nats-restart", "3", 10)
	l.delete(component("e2e-nats-restart", "item-19", ""))
	l.natsAgain()
	l.equal(patience)
	l.ready(watcher, syncer)
}

// TestNATSAway takes NATS away for 30 s, longer than every claim and acknowledgement wait.
func TestNATSAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-nats-away")
	watcher, syncer := l.pair()
	l.change("e2e-nats-away", "1", 20)
	l.equal(patience)

	l.nats.Kill()
	gone := time.Now()
	l.must(watcher.AwaitNotReady(l.within(patience), "nats: not connected"))
	l.must(syncer.AwaitNotReady(l.within(patience), "nats: not connected"))
	for round := 2; time.Since(gone) < 30*time.Second; round++ {
		l.change("e2e-nats-away", strconv.Itoa(round), 10)
		l.must(procs.Pause(t.Context(), 2*time.Second)) // the outage's length is the point
	}
	l.delete(component("e2e-nats-away", "item-19", ""))
	l.natsAgain()
	took := l.equal(patience)
	l.ready(watcher, syncer)
	t.Logf("right %.1f s after NATS came back", took.Seconds())
}

// TestRegistryAway takes the registry away for a while.
func TestRegistryAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-registry-away")
	_, syncer := l.pair()
	l.change("e2e-registry-away", "1", 20)
	l.equal(patience)

	l.registry.stop()
	l.change("e2e-registry-away", "2", 10)
	l.delete(component("e2e-registry-away", "item-19", ""))
	l.must(syncer.AwaitNotReady(l.within(patience), "registry"))
	l.registry.start()
	took := l.equal(patience)
	l.ready(syncer)
	t.Logf("right %.1f s after the registry came back", took.Seconds())
}
