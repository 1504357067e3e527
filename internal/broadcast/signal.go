// Package broadcast wakes every goroutine that waits for a signal, in a select statement.
//
// The tests need only go test.
package broadcast

import "sync"

// Signal is safe for concurrent use; the zero Signal is ready.
type Signal struct {
	mu   sync.Mutex
	next chan struct{}
}

// Wait returns a channel that is closed by the next Broadcast. A caller that calls Wait before it reads the state that
// Broadcast announces misses no change.
func (s *Signal) Wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// Broadcast closes the channel that Wait has returned since the last Broadcast.
func (s *Signal) Broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
