package kube

import (
	"errors"
	"time"
)

// Identity is this process's name in the Lease.
func (e *Elector) Identity() string { return e.lock.Identity() }

// State returns nil while the Lease can be used, by this process or by the one that leads; else what is in the way.
func (e *Elector) State() error {
	e.lock.mu.Lock()
	defer e.lock.mu.Unlock()
	if e.lock.trouble != "" {
		return errors.New("the Lease: " + e.lock.trouble)
	}
	return nil
}

// Stuck is how long ago lead was told to stop, while it has not returned; 0 otherwise.
func (e *Elector) Stuck() time.Duration {
	told := e.told.Load()
	if told == nil || !e.leading.Load() {
		return 0
	}
	return time.Since(*told)
}
