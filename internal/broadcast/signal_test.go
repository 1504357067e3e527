package broadcast_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"odasync/internal/broadcast"
	"odasync/internal/testcheck"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestSignal_BroadcastWakesEarlierWaiters(t *testing.T) {
	var s broadcast.Signal
	s.Broadcast() // without a waiter
	first := s.Wait()
	if second := s.Wait(); closed(first) || second != first {
		t.Error("an earlier broadcast closed the channel, or two waiters have different channels")
	}
	s.Broadcast()
	next := s.Wait()
	if !closed(first) || closed(next) {
		t.Errorf("the first channel is closed: %t, want true; the next one: %t, want false", closed(first), closed(next))
	}
	s.Broadcast()
	s.Broadcast()
	if !closed(first) || !closed(next) {
		t.Error("a closed channel was opened again")
	}
}

// A waiter that calls Wait, then reads the state, and then waits misses nothing.
func TestSignal_NoBroadcastIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const listeners, count = 4, 1000
		var s broadcast.Signal
		var mu sync.Mutex
		reached := 0
		var all sync.WaitGroup
		for range listeners {
			all.Go(func() { // else the test ends in a deadlock
				for {
					next := s.Wait()
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
			s.Broadcast()
		}
		all.Wait()
		testcheck.Equal(t, "reached", count, reached)
	})
}
