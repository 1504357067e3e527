package syncer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"odasync/internal/target"
)

func TestClassify(t *testing.T) {
	failure := func(class target.Class, after time.Duration) error {
		return fmt.Errorf("apply a/b/c: %w", &target.Failure{Class: class, Request: "PUT /components/{id}", Status: 500, RetryAfter: after})
	}
	tests := map[string]struct {
		err        error
		attempt    int
		outcome    string
		action     action
		least, end time.Duration // of the delay; end is the first that is too long
		silent     bool          // the disposition carries no error
	}{
		"when another replica has claimed it": {target.ErrClaimed, 9, outcomeClaimed, nak, 100 * time.Millisecond, 400 * time.Millisecond, true},
		"when claimed, wrapped":               {fmt.Errorf("x: %w", target.ErrClaimed), 9, outcomeClaimed, nak, 100 * time.Millisecond, 400 * time.Millisecond, true},
		"when the entry has changed":          {fmt.Errorf("save: %w", target.ErrConflict), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when unavailable":                    {failure(target.ClassUnavailable, 0), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when unavailable, third attempt":     {failure(target.ClassUnavailable, 0), 3, outcomeRetried, nak, 200 * time.Millisecond, 2200 * time.Millisecond, false},
		"when unavailable for long":           {failure(target.ClassUnavailable, 0), 1 << 30, outcomeRetried, nak, 3 * time.Second, 33 * time.Second, false},
		"when unauthorized":                   {failure(target.ClassUnauthorized, 0), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when in conflict":                    {failure(target.ClassConflict, 0), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when unknown":                        {errors.New("no route"), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when rate limited":                   {failure(target.ClassRateLimited, 0), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when rate limited for a minute":      {failure(target.ClassRateLimited, time.Minute), 1, outcomeRetried, nak, time.Minute, time.Minute + 1, false},
		"when rate limited for less":          {failure(target.ClassRateLimited, time.Nanosecond), 20, outcomeRetried, nak, 3 * time.Second, 33 * time.Second, false},
		"when unavailable with a retry-after": {failure(target.ClassUnavailable, time.Hour), 1, outcomeRetried, nak, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"when invalid":                        {failure(target.ClassInvalid, time.Hour), 5, outcomeFailed, term, 0, 1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 200 { // the delays are random
				d := classify(test.err, test.attempt)
				if d.outcome != test.outcome || d.action != test.action {
					t.Fatalf("got %s and action %d", d.outcome, d.action)
				}
				if d.delay < test.least || d.delay >= test.end {
					t.Fatalf("delay %s is not in [%s, %s)", d.delay, test.least, test.end)
				}
				if (d.err == nil) != test.silent || d.err != nil && !errors.Is(d.err, test.err) {
					t.Fatalf("carries %v", d.err)
				}
			}
		})
	}
}
