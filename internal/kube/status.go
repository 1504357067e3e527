package kube

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// status is how one part of the work is going. It logs a failure once, when it begins or changes, and its end once.
type status struct {
	log zerolog.Logger

	mu      sync.Mutex
	done    bool      // at least once
	last    time.Time // of the last word from the server
	failure *failure  // nil while connected
	logged  string
}

// begin forgets everything: the work starts over.
func (s *status) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.last, s.failure, s.logged = false, time.Now(), nil, ""
}

// failed notes that there is no connection, and why.
func (s *status) failed(f *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = f
	if s.logged != f.text {
		s.logged = f.text
		s.log.Warn().Str("reason", f.reason).Str("error", f.text).Msg("not watching, retrying")
	}
}

// connected notes that the server took a request. Whether it serves it is not known yet: a server that hangs up on
// every request is not worth a line each time.
func (s *status) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.last = nil, time.Now()
}

// heard notes a word from the server that is part of a longer answer, which may yet fail.
func (s *status) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
}

// served notes an answer that is of use by itself.
func (s *status) served() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.last = nil, time.Now()
	if s.logged != "" {
		s.logged = ""
		s.log.Info().Msg("watching again")
	}
}

// complete notes that the part has done its whole work once.
func (s *status) complete() {
	s.served()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
}

// state returns nil, or what is missing.
func (s *status) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return s.failure
	case !s.done:
		return errors.New("not read completely yet")
	}
	return nil
}

// age returns the time since the last word from the server.
func (s *status) age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.last)
}
