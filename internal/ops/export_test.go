package ops

import "time"

// Bursts is how many messages the log remembers.
func (l *Logs) Bursts() int {
	l.repeats.mu.Lock()
	defer l.repeats.mu.Unlock()
	return len(l.repeats.bursts)
}

// HeaderTimeout is how long a client may take for a request's headers.
const HeaderTimeout time.Duration = headerTimeout
