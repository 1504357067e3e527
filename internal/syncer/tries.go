package syncer

import (
	"context"
	"errors"
	"time"

	"odasync/internal/event"
)

// converse brings one state into the registry. Where the registry as a whole does not answer, it tries again at once,
// a few times and with a pause, before the message goes back to the stream. A stop ends the pause.
func (s *Syncer) converse(held context.Context, e *event.Event, prior Prior) (Result, error) {
	for try := 1; ; try++ {
		result, err := s.once(held, e, prior)
		if !isDown(err) || try >= s.cfg.Tries || !s.pause(held, time.Duration(s.cfg.Pause)) {
			return result, err
		}
		// What the failed try left behind is not known.
		prior = Prior{Record: merged(prior.Record, result.Record), Doubt: true}
	}
}

func (s *Syncer) once(held context.Context, e *event.Event, prior Prior) (result Result, err error) {
	if e.Deleted() {
		result, err = s.ports.Registry.Delete(held, e.Key, prior)
	} else {
		result, err = s.ports.Registry.Apply(held, e.Key, e.Component, prior)
	}
	if err == nil || held.Err() == nil { // a request that was cut off tells nothing about the registry
		s.sink.result(err)
	}
	return result, err
}

// isDown says whether the registry as a whole failed.
func isDown(err error) bool {
	var failure *Failure
	return err != nil && (!errors.As(err, &failure) || failure.Class == ClassDown)
}

// pause waits; false when the claim or the syncer ended meanwhile.
func (s *Syncer) pause(held context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-held.Done():
	case <-s.stopping:
	}
	return false
}
