// Package bell wakes those who wait for something to happen again.
package broadcast

import "sync"

// Bell is safe for concurrent use; the zero Bell is ready.
type Signal struct {
	mu   sync.Mutex
	next chan struct{}
}

// Next returns a channel that is closed at the next ring from now on.
func (b *Signal) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// Ring wakes everybody who has asked for the next ring.
func (b *Signal) Broadcast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
