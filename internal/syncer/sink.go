package syncer

import (
	"errors"
	"sync"

	"github.com/rs/zerolog"
)

// sink remembers whether the registry as a whole takes writes, and logs when that changes.
type sink struct {
	log zerolog.Logger

	mu      sync.Mutex
	failure error
}

// result notes how a conversation with the registry ended. A rejected component says nothing against the registry.
func (s *sink) result(err error) {
	var failure *Failure
	if errors.As(err, &failure) && (failure.Class == ClassRejected || failure.Class == ClassMoved) {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.failure != nil:
		s.log.Info().Msg("the registry takes writes again")
	case err != nil && (s.failure == nil || words(s.failure) != words(err)):
		s.log.Warn().Err(err).Msg("the registry does not take writes, trying again")
	}
	s.failure = err
}

func (s *sink) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// words gives what a failure has in common over components and requests.
func words(err error) string {
	var failure *Failure
	if !errors.As(err, &failure) {
		return err.Error()
	}
	return string(failure.Class) + failure.Words
}
