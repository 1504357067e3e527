package daemon

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/backoff"
	"odasync/internal/condition"
)

// steady is how long a call must have run for its failure to count as the first one.
const steady = 30 * time.Second

// retries is the back-off between the calls of [retry].
var retries = backoff.Policy{First: 250 * time.Millisecond, Max: 10 * time.Second}

// retry calls f until it succeeds or the context ends, whose error it then returns. A failure is logged when it changes.
func retry(ctx context.Context, log zerolog.Logger, message string, f func(context.Context) error) error {
	first := func() *condition.Condition { return condition.New(log, message, "recovered", error.Error) }
	failing := first()
	for failures := 1; ; failures++ {
		started := time.Now()
		err := f(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && time.Since(started) > steady {
			failures, failing = 1, first()
		}
		failing.Set(err)
		if err == nil {
			return nil
		}
		if err := retries.Sleep(ctx, failures); err != nil {
			return err
		}
	}
}
