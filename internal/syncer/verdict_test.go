package syncer

import (
	"errors"
	"fmt"
	"odasync/internal/target"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	failure := func(class target.Class, after time.Duration) error {
		return fmt.Errorf("apply a/b/c: %w", &target.Failure{Class: class, Request: "PUT /components/{id}", Status: 500, RetryAfter: after})
	}
	tests := map[string]struct {
		err        error
		attempt    int
		outcome    string
		action     action
		least, end time.Duration // of the delay; end is the first that is too long
		silent     bool          // the verdict carries no error
	}{
		"claimed by another":        {target.ErrClaimed, 9, outcomeClaimed, retry, 100 * time.Millisecond, 400 * time.Millisecond, true},
		"claimed, wrapped":          {fmt.Errorf("x: %w", target.ErrClaimed), 9, outcomeClaimed, retry, 100 * time.Millisecond, 400 * time.Millisecond, true},
		"the entry changed":         {fmt.Errorf("save: %w", target.ErrConflict), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"down":                      {failure(target.ClassUnavailable, 0), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"down, third attempt":       {failure(target.ClassUnavailable, 0), 3, outcomeRetried, retry, 200 * time.Millisecond, 2200 * time.Millisecond, false},
		"down for long":             {failure(target.ClassUnavailable, 0), 1 << 30, outcomeRetried, retry, 3 * time.Second, 33 * time.Second, false},
		"refused":                   {failure(target.ClassUnauthorized, 0), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"moved":                     {failure(target.ClassConflict, 0), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"unknown":                   {errors.New("no route"), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"busy":                      {failure(target.ClassRateLimited, 0), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"busy for a minute":         {failure(target.ClassRateLimited, time.Minute), 1, outcomeRetried, retry, time.Minute, time.Minute + 1, false},
		"busy for less":             {failure(target.ClassRateLimited, time.Nanosecond), 20, outcomeRetried, retry, 3 * time.Second, 33 * time.Second, false},
		"down with a wait it named": {failure(target.ClassUnavailable, time.Hour), 1, outcomeRetried, retry, 50 * time.Millisecond, 550 * time.Millisecond, false},
		"rejected":                  {failure(target.ClassInvalid, time.Hour), 5, outcomeFailed, drop, 0, 1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 200 { // the delays are random
				v := judge(test.err, test.attempt)
				if v.outcome != test.outcome || v.action != test.action {
					t.Fatalf("got %s and action %d", v.outcome, v.action)
				}
				if v.delay < test.least || v.delay >= test.end {
					t.Fatalf("delay %s is not in [%s, %s)", v.delay, test.least, test.end)
				}
				if (v.err == nil) != test.silent || v.err != nil && !errors.Is(v.err, test.err) {
					t.Fatalf("carries %v", v.err)
				}
			}
		})
	}
}

func TestBackoffGrowsToItsCeiling(t *testing.T) {
	ceilings := map[int]time.Duration{
		-1: 500 * time.Millisecond, 0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second,
		6: 16 * time.Second, 7: 30 * time.Second, 100: 30 * time.Second,
	}
	for attempt, ceiling := range ceilings {
		for range 200 {
			if wait := backoff(attempt); wait < ceiling/10 || wait >= ceiling/10+ceiling {
				t.Errorf("attempt %d: %s", attempt, wait)
			}
		}
	}
}
