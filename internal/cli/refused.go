package cli

import (
	"context"
	"errors"

	"odasync/internal/stream"
)

// giveUpKey finds in a command's context what ends it early.
type giveUpKey struct{}

// withGiveUp returns a context that giveUp ends.
func withGiveUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, giveUpKey{}, cancel), func() { cancel(nil) }
}

// giveUp ends a command with a reason that whatever it waits for would not tell: a broker that refuses a request is
// silent to who waits for the answer.
func giveUp(ctx context.Context) func(error) {
	if cancel, ok := ctx.Value(giveUpKey{}).(context.CancelCauseFunc); ok {
		return cancel
	}
	return func(error) {}
}

// reason returns why a command was given up, or else its error.
func reason(ctx context.Context, err error) error {
	var refused *stream.PermissionError
	if errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return err
}
