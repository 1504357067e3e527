package broadcast_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"odasync/internal/broadcast"
)

func rung(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestARingWakesThoseWhoAskedBefore(t *testing.T) {
	var b broadcast.Signal
	b.Broadcast() // nobody listens
	first := b.Wait()
	if second := b.Wait(); rung(first) || second != first {
		t.Error("a ring from before is heard, or two who wait for the same ring wait apart")
	}
	b.Broadcast()
	next := b.Wait()
	if !rung(first) || rung(next) {
		t.Errorf("the one before rings: %t, want true; the next: %t, want false", rung(first), rung(next))
	}
	b.Broadcast()
	b.Broadcast()
	if !rung(first) || !rung(next) {
		t.Error("what has rung does so for good")
	}
}

// Who asks for the next ring, then looks, and then waits misses nothing.
func TestNoRingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const listeners, count = 4, 1000
		var b broadcast.Signal
		var mu sync.Mutex
		reached := 0
		var all sync.WaitGroup
		for range listeners {
			all.Go(func() { // else the test ends in a deadlock
				for {
					next := b.Wait()
					mu.Lock()
					done := reached == count
					mu.Unlock()
					if done {
						return
					}
					<-next
				}
			})
		}
		for range count {
			mu.Lock()
			reached++
			mu.Unlock()
			b.Broadcast()
		}
		all.Wait()
		if reached != count {
			t.Errorf("reached %d", reached)
		}
	})
}
