package ops_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"odasync/internal/ops"
	"odasync/internal/testcheck"
)

// TestReadyz_RunsChecksOnceASecond sends many requests at a time: the check, which asks another server, runs once.
func TestReadyz_RunsChecksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		health, registry := new(ops.Health), ops.NewRegistry()
		ops.RegisterReady(registry, health)
		handler := ops.Handler(config(nil), registry, health, quiet())
		var runs atomic.Int32
		health.Ready("nats", func(context.Context) error {
			runs.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		ask := func(path string) int {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
			return answer.Code
		}
		for second := range int32(3) {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					for _, path := range []string{"/readyz", "/healthz", "/metrics"} {
						if code := ask(path); code != http.StatusOK && path != "/metrics" { // which bounds its scrapes
							t.Errorf("%s: %d", path, code)
						}
					}
				})
			}
			all.Wait()
			testcheck.Equal(t, fmt.Sprintf("runs of the check after %d s", second), second+1, runs.Load())
			time.Sleep(time.Second)
		}
	})
}

// TestReadyz_AfterAnAbandonedRequest ends the request that started a check: the next one gets its result.
func TestReadyz_AfterAnAbandonedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		health := new(ops.Health)
		handler := ops.Handler(config(nil), ops.NewRegistry(), health, quiet())
		var runs atomic.Int32
		health.Ready("nats", func(ctx context.Context) error {
			runs.Add(1)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(2 * time.Second):
				return nil
			}
		})
		gone, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/readyz", nil))
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if answer.Code != http.StatusOK || runs.Load() != 1 {
			t.Errorf("%d after %d runs: %s", answer.Code, runs.Load(), answer.Body)
		}
	})
}
