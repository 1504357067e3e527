package faults

import (
	"net/http"
	"sync"
	"time"
)

// poolSize is how many requests the deployed TMF639 registry can process at
// once: each holds a connection of its database pool.
const poolSize = 15

// Pool counts requests in flight. Told to, it freezes as the deployed TMF639
// registry does: a request that finds no free connection stops the whole server
// until it gives up with a 500. The zero Pool never freezes. It is safe for
// concurrent use.
type Pool struct {
	mu       sync.Mutex
	freezing time.Duration
	arrived  int // and not answered
	max      int // of arrived
	holding  int // a connection

	stopped sync.RWMutex // locked while the server is frozen
}

// SetFreeze makes the pool freeze for a time; 0 makes it never freeze.
func (p *Pool) SetFreeze(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freezing = d
}

// Max returns the largest number of requests that were in flight at once.
func (p *Pool) Max() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.max
}

// Handler returns next inside the pool, for requests that hold a connection.
// Faults belong inside it, so that a delayed request holds its connection.
func (p *Pool) Handler(next http.Handler, holds func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !holds(r) {
			next.ServeHTTP(w, r)
			return
		}
		p.arrive()
		defer p.leave()
		p.wait() // a frozen server accepts nothing
		frozen := p.hold()
		defer p.release()
		if frozen > 0 {
			p.stopped.Lock()
			time.Sleep(frozen)
			p.stopped.Unlock()
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(http.StatusText(http.StatusInternalServerError))) // a client that has gone needs no answer
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Stoppable returns an operation that waits while the server is frozen, except
// for requests that another server would answer.
func (p *Pool) Stoppable(operation http.Handler, elsewhere func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !elsewhere(r) {
			p.wait()
		}
		operation.ServeHTTP(w, r)
	})
}

func (p *Pool) arrive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived++
	p.max = max(p.max, p.arrived)
}

func (p *Pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived--
}

// hold takes a connection, and returns how long the server freezes for want of one.
func (p *Pool) hold() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding++
	if p.holding > poolSize {
		return p.freezing
	}
	return 0
}

func (p *Pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding--
}

func (p *Pool) wait() {
	p.stopped.RLock()
	defer p.stopped.RUnlock()
}
