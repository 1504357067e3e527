package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

// once injects a fault into the first request of a method.
func once(method string, fault faults.Fault) func(*http.Request) *faults.Fault {
	left := make(chan struct{}, 1)
	left <- struct{}{}
	return func(r *http.Request) *faults.Fault {
		if r.Method != method {
			return nil
		}
		select {
		case <-left:
			return &fault
		default:
			return nil
		}
	}
}

func TestFault_Status(t *testing.T) {
	tests := []struct {
		name        string
		fault       faults.Fault
		contentType string
		labels      int
	}{
		{"gateway page", faults.Fault{Status: 502, Body: "<h1>Bad Gateway</h1>"}, "text/plain; charset=utf-8", 0},
		{"own body", faults.Fault{Status: 500, Body: `{"detail":"boom"}`}, "application/json", 0},
		{"too many requests", faults.Fault{Status: 429, RetryAfter: "7"}, "text/plain; charset=utf-8", 0},
		{"page instead of an answer", faults.Fault{Status: 200, Body: "<html>"}, "text/plain; charset=utf-8", 0},
		{"gateway that gave up on a write", faults.Fault{Status: 504, After: true}, "text/plain; charset=utf-8", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := registrytest.Start(t, refregistry.Config{})
			s.SetFault(once("POST", tt.fault))
			got := c.Do("POST", "/labels/", registrytest.NewLabel)
			registrytest.Same(t, tt.fault.Status, got.Status)
			registrytest.Same(t, tt.fault.Body, got.Body)
			registrytest.Same(t, tt.contentType, got.Header.Get("Content-Type"))
			registrytest.Same(t, tt.fault.RetryAfter, got.Header.Get("Retry-After"))
			registrytest.Same(t, tt.labels, len(s.Snapshot().Labels))
			registrytest.Same(t, map[string]int{"POST /labels/": 1}, s.Requests())
		})
	}
}

func TestFault_Reset(t *testing.T) {
	tests := []struct {
		name   string
		after  bool
		labels int
	}{
		{"before the write", false, 0},
		{"after the write: the answer is lost", true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := registrytest.Start(t, refregistry.Config{RecordHistory: true})
			s.SetFault(once("POST", faults.Fault{Reset: true, After: tt.after}))
			_, err := c.Send(c.Request("POST", "/labels/", registrytest.NewLabel))
			testcheck.ErrorIs(t, "error", syscall.ECONNRESET, err)
			registrytest.Same(t, tt.labels, len(s.Snapshot().Labels))
			registrytest.Same(t, tt.labels, len(s.History()))
			// The next request is served normally.
			c.Expect(200, "GET", "/labels/", "")
		})
	}
}

func TestFault_Hang(t *testing.T) {
	for _, after := range []bool{false, true} {
		s, c := registrytest.Start(t, refregistry.Config{RecordHistory: true})
		injected := make(chan struct{})
		s.SetFault(func(*http.Request) *faults.Fault {
			close(injected)
			return &faults.Fault{Hang: true, After: after}
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-injected
			cancel()
		}()
		_, err := c.Send(c.Request("POST", "/labels/", registrytest.NewLabel).WithContext(ctx))
		testcheck.ErrorIs(t, fmt.Sprintf("after=%v: the error of the client's own context", after), context.Canceled, err)
		s.SetFault(nil)
		// Without After the write never happens; with it, it happens once.
		want := map[bool]int{false: 0, true: 1}[after]
		registrytest.Eventually(t, func() bool { return len(s.Snapshot().Labels) == want && ended(s.History()) })
	}
}

// TestFault_HangEndsTheSpan keeps a client connected after its write has taken effect, like a frozen client: the write is
// over, and a later one does not overlap it.
func TestFault_HangEndsTheSpan(t *testing.T) {
	s, c := registrytest.Seeded(t, refregistry.Config{RecordHistory: true})
	before := len(s.History())
	s.SetFault(once("PUT", faults.Fault{Hang: true, After: true}))
	ctx, cancel := context.WithCancel(t.Context())
	var hangs sync.WaitGroup
	hangs.Go(func() { _, _ = c.Send(c.Request("PUT", "/components/1", `{"label_ids":[1]}`).WithContext(ctx)) })
	defer hangs.Wait()
	defer cancel()
	registrytest.Eventually(t, func() bool { return len(s.History()) > before && ended(s.History()) })
	c.Expect(200, "PUT", "/components/1", `{"label_ids":[2]}`)
	writes := s.History()[before:]
	registrytest.Same(t, 2, len(writes))
	if writes[1].Overlaps(writes[0]) {
		t.Errorf("a write overlaps one that had taken effect: %+v", writes)
	}
}

func TestFault_DelayPerformsTheWriteAfterTheClientLeft(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	s.SetFault(once("POST", faults.Fault{Delay: 200 * time.Millisecond}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Send(c.Request("POST", "/labels/", registrytest.NewLabel).WithContext(ctx))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v, want a time-out", err)
	}
	registrytest.Same(t, 0, len(s.Snapshot().Labels))
	registrytest.Eventually(t, func() bool { return len(s.Snapshot().Labels) == 1 })
}

func TestFault_DelaysTheAnswer(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	s.SetFault(once("POST", faults.Fault{Delay: 20 * time.Millisecond, After: true}))
	begin := time.Now()
	got := c.Do("POST", "/labels/", registrytest.NewLabel)
	testcheck.AtLeast(t, "time of the answer", 20*time.Millisecond, time.Since(begin))
	registrytest.Same(t, 201, got.Status)
	registrytest.Same(t, "application/json", got.Header.Get("Content-Type"))
	registrytest.Same(t, `{"key":"team","value":"blue","id":1,"created_at":"T"}`, registrytest.Timeless(got.Body))
}

func TestInjector_ChoosesByBody(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	s.SetFault(func(r *http.Request) *faults.Fault {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "red") { // a body in memory has no errors
			return &faults.Fault{Status: 500}
		}
		return nil
	})
	c.Expect(500, "POST", "/labels/", `{"key":"team","value":"red"}`)
	c.Expect(201, "POST", "/labels/", `{"key":"team","value":"blue"}`)
	s.SetFault(nil)
	c.Expect(201, "POST", "/labels/", `{"key":"team","value":"red"}`)
}

func TestInjector_ComesBeforeTheAPIKey(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{APIKey: "k"})
	c.Key = ""
	s.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Status: 503} })
	c.Expect(503, "GET", "/health", "")
	c.Expect(503, "GET", "/labels/", "")
	// Performing the operation first does not bypass the key.
	s.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Status: 503, After: true} })
	c.Expect(503, "POST", "/labels/", registrytest.NewLabel)
	registrytest.Same(t, 0, len(s.Snapshot().Labels))
}

func ended(writes []refregistry.Write) bool {
	for _, w := range writes {
		if w.End.IsZero() {
			return false
		}
	}
	return true
}
