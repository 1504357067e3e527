package faults_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
)

// TestPool_Freezes holds 15 requests in flight, and lets a 16th arrive.
func TestPool_Freezes(t *testing.T) {
	const frozen = 300 * time.Millisecond
	tests := []struct {
		name     string
		freeze   time.Duration
		requests int
		failed   int
	}{
		{"15 requests", frozen, 15, 0},
		{"16 requests", frozen, 16, 1},
		{"16 requests without freezing", 0, 16, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639})
			s.SetFreeze(tt.freeze)
			// Each request is held until all have arrived, but for the one that freezes.
			var arrived sync.WaitGroup
			arrived.Add(tt.requests - tt.failed)
			s.SetFault(func(*http.Request) *faults.Fault {
				arrived.Done()
				arrived.Wait()
				return &faults.Fault{Delay: frozen / 10}
			})
			statuses := make(chan int, tt.requests)
			start := time.Now()
			var senders sync.WaitGroup
			for range tt.requests {
				senders.Go(func() {
					res, err := c.Send(c.Request("GET", "/resource", ""))
					if err != nil {
						t.Error(err)
					}
					statuses <- res.Status
				})
			}
			senders.Wait()
			took := time.Since(start)
			close(statuses)
			failed := 0
			for status := range statuses {
				if status == http.StatusInternalServerError {
					failed++
				}
			}
			registrytest.Same(t, []int{tt.failed, tt.requests}, []int{failed, s.MaxInFlight()})
			if tt.failed > 0 && took < frozen {
				t.Errorf("the requests took %v, want at least %v", took, frozen)
			}
		})
	}
}

// TestPool_StopsEverything requests a health check and a token while the server is frozen.
func TestPool_StopsEverything(t *testing.T) {
	const frozen = time.Second
	s, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Auth: &auth.Config{}})
	s.SetFreeze(frozen)
	release := make(chan struct{})
	s.SetFault(func(r *http.Request) *faults.Fault {
		if r.URL.Path == "/resource" {
			<-release
		}
		return nil
	})
	var senders sync.WaitGroup
	send := func(path string) {
		senders.Go(func() {
			if _, err := c.Send(c.Request("GET", path, "")); err != nil {
				t.Error(err)
			}
		})
	}
	for range 15 {
		send("/resource")
	}
	registrytest.Eventually(t, func() bool { return s.MaxInFlight() == 15 })
	start := time.Now()
	send("/resource")
	registrytest.Eventually(t, func() bool { return s.MaxInFlight() == 16 })
	c.Do("POST", auth.TokenPath, "")
	if took := time.Since(start); took >= frozen {
		t.Errorf("the token endpoint stopped, for %v", took)
	}
	registrytest.Eventually(t, func() bool {
		sent := time.Now()
		c.Do("GET", "/health", "")
		return time.Since(sent) > frozen/2
	})
	close(release)
	senders.Wait()
}
