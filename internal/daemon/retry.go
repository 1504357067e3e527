package daemon

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"
)

// steady is how long something must have run for its next failure to count as a new one.
const steady = 30 * time.Second

// retry calls f until it succeeds or the context ends, whose error it then returns. The wait between two calls grows
// to 10 s. A failure is logged when its words differ from the one before.
func retry(ctx context.Context, log zerolog.Logger, message string, f func(context.Context) error) error {
	last := ""
	for failures := 0; ; failures++ {
		started := time.Now()
		err := f(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			return nil
		}
		if time.Since(started) > steady {
			failures, last = 0, ""
		}
		if text := err.Error(); text != last {
			log.Error().Err(err).Msg(message)
			last = text
		}
		ceiling := min(250*time.Millisecond<<min(failures, 6), 10*time.Second)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(ceiling/2 + rand.N(ceiling/2)):
		}
	}
}
