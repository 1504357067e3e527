package syncer

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"odasync/internal/condition"
	"odasync/internal/target"
)

// sink is whether the registry as a whole takes writes.
type sink struct{ *condition.Condition }

func newSink(log zerolog.Logger) sink {
	return sink{condition.New(log, "the registry does not take writes, trying again", "the registry takes writes again", words)}
}

// result notes how a conversation with the registry ended. What one component meets says nothing against the registry.
func (s sink) result(err error) {
	if target.ClassOf(err).Particular() {
		err = nil
	}
	s.Set(err)
}

// words gives what a failure has in common over components and requests.
func words(err error) string {
	var failure *target.Failure
	if !errors.As(err, &failure) {
		return err.Error()
	}
	return string(failure.Class) + failure.Detail
}

// broker is whether claims and sync state can be read and written.
type broker struct{ *condition.Condition }

func newBroker(log zerolog.Logger) broker {
	return broker{condition.New(log, "claims or sync state cannot be used, trying again: look at the NATS server", "claims and sync state can be used again", nil)}
}

// result notes how a request to the broker ended. That another replica was faster is an answer; a request that was cut
// off tells nothing.
func (b broker) result(err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, target.ErrClaimed), errors.Is(err, target.ErrConflict), errors.Is(err, errUnknown):
		b.Set(nil)
	default:
		b.Set(err)
	}
}
