package watcher

import (
	"context"
	"errors"
	"slices"
	"sync"

	"odasync/internal/event"
)

// tap is a log whose publishes the test watches and disturbs.
type tap struct {
	Log

	mu      sync.Mutex
	hold    chan struct{} // while not nil, publishes of held names wait until it is closed
	held    []string      // the names that wait; all when empty
	waiting int
	loseAck map[string]int   // by name: how many publishes stand in the log and yet fail
	fail    map[string]error // by name: the error instead of a publish
	tried   map[string]int
}

func tapped(log Log) *tap {
	return &tap{Log: log, loseAck: make(map[string]int), fail: make(map[string]error), tried: make(map[string]int)}
}

// block makes publishes wait, of the names or of all, until the returned function is called.
func (l *tap) block(names ...string) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold := make(chan struct{})
	l.hold, l.held = hold, names
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.hold = nil
		close(hold)
	})
}

// blocked counts the publishes that wait.
func (l *tap) blocked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

func (l *tap) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

var errLostAck = errors.New("the answer was lost")

func (l *tap) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	l.mu.Lock()
	hold := l.hold
	if hold != nil && len(l.held) > 0 && !slices.Contains(l.held, e.Key.Name) {
		hold = nil
	}
	l.tried[e.Key.Name]++
	l.mu.Unlock()
	if hold != nil {
		l.set(func() { l.waiting++ })
		<-hold
		l.set(func() { l.waiting-- })
	}
	l.mu.Lock()
	err := l.fail[e.Key.Name]
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	sequence, err := l.Log.Publish(ctx, e, expected)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.loseAck[e.Key.Name] > 0 {
		l.loseAck[e.Key.Name]--
		return 0, errLostAck
	}
	return sequence, err
}
