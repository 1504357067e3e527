package syncer

import (
	"errors"
	"sync"

	"odasync/internal/component"
	"odasync/internal/target"
)

// errAssumed means that a decision needs the state to be read.
var errAssumed = errors.New("the sync state was not read")

// recall gets the sync state. For a message that is delivered for the first time it assumes the state that this process
// stored last, or none if the message was published as the first of its key. A message that was delivered before may have
// been handled by another replica, so its state is read.
func (t *attempt) recall() error {
	if t.job.event != nil && t.job.number == 1 && t.job.malformed == nil {
		if t.state, t.assumed = t.a.cache.take(t.job.key); !t.assumed && t.job.first {
			t.state, t.assumed = target.State{Key: t.job.key}, true
		}
		if t.assumed {
			return nil
		}
	}
	return t.read()
}

func (t *attempt) read() (err error) {
	t.assumed = false
	t.state, err = t.a.deps.States.Load(t.held, t.job.key)
	return err
}

// maxCached bounds the states that are cached, a few hundred bytes each.
const maxCached = 4096

// stateCache keeps the states that this process stored last.
type stateCache struct {
	mu     sync.Mutex
	states map[component.Key]target.State
}

func (c *stateCache) put(s target.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) >= maxCached {
		for key := range c.states { // any one
			delete(c.states, key)
			break
		}
	}
	c.states[s.Key] = s
}

// take returns the state of the key and removes it: it is stored again, or out of date by then.
func (c *stateCache) take(key component.Key) (target.State, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, found := c.states[key]
	delete(c.states, key)
	return s, found
}
