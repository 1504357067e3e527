package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/backoff"
	"odasync/internal/testcheck"
)

func TestPolicy_Delay(t *testing.T) {
	policy := backoff.Policy{First: 500 * time.Millisecond, Max: 30 * time.Second}
	ceilings := map[int]time.Duration{
		-1: 500 * time.Millisecond, 0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second,
		6: 16 * time.Second, 7: 30 * time.Second, 100: 30 * time.Second, 1 << 40: 30 * time.Second,
	}
	for failures, ceiling := range ceilings {
		for range 200 {
			if wait := policy.Delay(failures); wait < ceiling/10 || wait >= ceiling/10+ceiling {
				t.Errorf("after %d failures: %s", failures, wait)
			}
		}
	}
}

func TestPolicy_Sleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := backoff.Policy{First: time.Second, Max: time.Minute}
		began := time.Now()
		testcheck.ErrorIs(t, "sleep", nil, policy.Sleep(t.Context(), 3))
		if slept := time.Since(began); slept < 400*time.Millisecond || slept >= 4400*time.Millisecond {
			t.Errorf("slept %s after 3 failures", slept)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		testcheck.ErrorIs(t, "after the end of the context", context.Canceled, policy.Sleep(ctx, 9))
	})
}
