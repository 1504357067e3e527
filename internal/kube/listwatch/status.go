package listwatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/kube"
)

// status is the state of the discovery or of one scope's watch. It logs a failure when it begins or changes, and its end.
type status struct {
	log zerolog.Logger

	mu       sync.Mutex
	done     bool          // complete at least once
	lastData time.Time     // of the last data from the server
	failure  *kube.Failure // nil while connected
	logged   string
	settled  chan struct{} // closed when complete or failed for the first time
}

// begin resets the status.
func (s *status) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.lastData, s.failure, s.logged, s.settled = false, time.Now(), nil, "", make(chan struct{})
}

// settle closes the channel of settled once. The caller holds the mutex.
func (s *status) settle() {
	select {
	case <-s.settled:
	default:
		close(s.settled)
	}
}

// awaitSettled waits until the scope was read completely or has failed, or the context ends.
func (s *status) awaitSettled(ctx context.Context) {
	s.mu.Lock()
	settled := s.settled
	s.mu.Unlock()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

// failed records why there is no connection.
func (s *status) failed(f *kube.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = f
	s.settle()
	if s.logged != f.Text {
		s.logged = f.Text
		s.log.Warn().Str("reason", f.Reason).Str("error", f.Text).Msg("not watching, retrying")
	}
}

// connected records that the server accepted a request. It logs nothing: a server that closes every watch at once has not
// recovered.
func (s *status) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.lastData = nil, time.Now()
}

// received records a part of a longer answer, which can still fail.
func (s *status) received() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastData = time.Now()
}

// recovered records an answer that is complete in itself.
func (s *status) recovered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.lastData = nil, time.Now()
	if s.logged != "" {
		s.logged = ""
		s.log.Info().Msg("watching again")
	}
}

// complete records that the discovery has succeeded or the scope was read completely.
func (s *status) complete() {
	s.recovered()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	s.settle()
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

// age returns the time since the last data from the server.
func (s *status) age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.lastData)
}
