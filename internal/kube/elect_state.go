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

// Stuck is how long the Lease has been too old to lead while lead has not returned; 0 while all is well.
func (e *Elector) Stuck() time.Duration {
	if !e.leading.Load() {
		return 0
	}
	return max(e.lock.age()-e.cfg.renewDeadline(), 0)
}
