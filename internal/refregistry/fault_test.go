package refregistry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const newLabel = `{"key":"team","value":"blue"}`

// once strikes the first request of a method and lets all others through.
func once(method string, fault Fault) func(*http.Request) *Fault {
	left := make(chan struct{}, 1)
	left <- struct{}{}
	return func(r *http.Request) *Fault {
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

func TestFaultStatus(t *testing.T) {
	tests := []struct {
		name        string
		fault       Fault
		contentType string
		labels      int
	}{
		{"gateway page", Fault{Status: 502, Body: "<h1>Bad Gateway</h1>"}, "text/plain; charset=utf-8", 0},
		{"own words", Fault{Status: 500, Body: `{"detail":"boom"}`}, "application/json", 0},
		{"too many requests", Fault{Status: 429, RetryAfter: "7"}, "text/plain; charset=utf-8", 0},
		{"page instead of an answer", Fault{Status: 200, Body: "<html>"}, "text/plain; charset=utf-8", 0},
		{"gateway that gave up on a write", Fault{Status: 504, After: true}, "text/plain; charset=utf-8", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := start(t, Config{})
			s.SetFault(once("POST", tt.fault))
			got := c.do("POST", "/labels/", newLabel)
			if got.status != tt.fault.Status {
				t.Errorf("status %d, want %d", got.status, tt.fault.Status)
			}
			same(t, tt.fault.Body, got.body)
			same(t, tt.contentType, got.header.Get("Content-Type"))
			same(t, tt.fault.RetryAfter, got.header.Get("Retry-After"))
			same(t, tt.labels, len(s.Snapshot().Labels))
			same(t, map[string]int{"POST /labels/": 1}, s.Requests())
		})
	}
}

func TestFaultReset(t *testing.T) {
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
			s, c := start(t, Config{RecordHistory: true})
			s.SetFault(once("POST", Fault{Reset: true, After: tt.after}))
			_, err := c.send(c.request("POST", "/labels/", newLabel))
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a reset connection", err)
			}
			same(t, tt.labels, len(s.Snapshot().Labels))
			same(t, tt.labels, len(s.History()))
			// The next request is served as ever.
			must[any](c, 200, "GET", "/labels/", "")
		})
	}
}

func TestFaultHang(t *testing.T) {
	for _, after := range []bool{false, true} {
		s, c := start(t, Config{RecordHistory: true})
		struck := make(chan struct{})
		s.SetFault(func(*http.Request) *Fault {
			close(struck)
			return &Fault{Hang: true, After: after}
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-struck
			cancel()
		}()
		_, err := c.send(c.request("POST", "/labels/", newLabel).WithContext(ctx))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after=%v: error %v, want that of the client's own context", after, err)
		}
		s.SetFault(nil)
		// Without after the write never happens, with it, it happens once.
		want := map[bool]int{false: 0, true: 1}[after]
		eventually(t, func() bool { return len(s.Snapshot().Labels) == want && ended(s.History()) })
	}
}

// TestFaultHangEndsTheSpan has a client stay, as a frozen one does, after its write has taken effect: the write is over, and
// another's does not overlap it.
func TestFaultHangEndsTheSpan(t *testing.T) {
	s, c := start(t, Config{RecordHistory: true})
	seed(c)
	before := len(s.History())
	s.SetFault(once("PUT", Fault{Hang: true, After: true}))
	ctx, cancel := context.WithCancel(t.Context())
	var hangs sync.WaitGroup
	hangs.Go(func() { _, _ = c.send(c.request("PUT", "/components/1", `{"label_ids":[1]}`).WithContext(ctx)) })
	defer hangs.Wait()
	defer cancel()
	eventually(t, func() bool { return len(s.History()) > before && ended(s.History()) })
	must[any](c, 200, "PUT", "/components/1", `{"label_ids":[2]}`)
	writes := s.History()[before:]
	same(t, 2, len(writes))
	if writes[1].Overlaps(writes[0]) {
		t.Errorf("a write overlaps one that had taken effect: %+v", writes)
	}
}

func TestFaultDelayPerformsTheWriteAfterTheClientLeft(t *testing.T) {
	s, c := start(t, Config{})
	s.SetFault(once("POST", Fault{Delay: 200 * time.Millisecond}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.send(c.request("POST", "/labels/", newLabel).WithContext(ctx))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v, want a time-out", err)
	}
	same(t, 0, len(s.Snapshot().Labels))
	eventually(t, func() bool { return len(s.Snapshot().Labels) == 1 })
}

func TestFaultDelayedAnswer(t *testing.T) {
	s, c := start(t, Config{})
	s.SetFault(once("POST", Fault{Delay: 20 * time.Millisecond, After: true}))
	begin := time.Now()
	got := c.do("POST", "/labels/", newLabel)
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("answered after %v, want at least 20ms", took)
	}
	same(t, 201, got.status)
	same(t, "application/json", got.header.Get("Content-Type"))
	same(t, `{"key":"team","value":"blue","id":1,"created_at":"T"}`, timeless(got.body))
}

func TestFaultChoosesByBody(t *testing.T) {
	s, c := start(t, Config{})
	s.SetFault(func(r *http.Request) *Fault {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "red") { // a body in memory has no errors
			return &Fault{Status: 500}
		}
		return nil
	})
	must[any](c, 500, "POST", "/labels/", `{"key":"team","value":"red"}`)
	must[any](c, 201, "POST", "/labels/", `{"key":"team","value":"blue"}`)
	s.SetFault(nil)
	must[any](c, 201, "POST", "/labels/", `{"key":"team","value":"red"}`)
}

func TestFaultComesBeforeTheAPIKey(t *testing.T) {
	s, c := start(t, Config{APIKey: "k"})
	c.key = ""
	s.SetFault(func(*http.Request) *Fault { return &Fault{Status: 503} })
	must[any](c, 503, "GET", "/health", "")
	must[any](c, 503, "GET", "/labels/", "")
	// Performing the operation first does not get round the key.
	s.SetFault(func(*http.Request) *Fault { return &Fault{Status: 503, After: true} })
	must[any](c, 503, "POST", "/labels/", newLabel)
	same(t, 0, len(s.Snapshot().Labels))
}

// eventually polls until a condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come to hold within 10 s")
		}
		time.Sleep(time.Millisecond)
	}
}

func ended(writes []Write) bool {
	for _, w := range writes {
		if w.End.IsZero() {
			return false
		}
	}
	return true
}
