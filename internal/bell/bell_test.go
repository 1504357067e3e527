package bell_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"odasync/internal/bell"
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
	var b bell.Bell
	b.Ring() // nobody listens
	first := b.Next()
	if second := b.Next(); rung(first) || second != first {
		t.Error("a ring from before is heard, or two who wait for the same ring wait apart")
	}
	b.Ring()
	next := b.Next()
	if !rung(first) || rung(next) {
		t.Errorf("the one before rings: %t, want true; the next: %t, want false", rung(first), rung(next))
	}
	b.Ring()
	b.Ring()
	if !rung(first) || !rung(next) {
		t.Error("what has rung does so for good")
	}
}

// Who asks for the next ring, then looks, and then waits misses nothing.
func TestNoRingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const listeners, count = 4, 1000
		var b bell.Bell
		var mu sync.Mutex
		reached := 0
		var all sync.WaitGroup
		for range listeners {
			all.Go(func() { // else the test ends in a deadlock
				for {
					next := b.Next()
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
			b.Ring()
		}
		all.Wait()
		if reached != count {
			t.Errorf("reached %d", reached)
		}
	})
}
