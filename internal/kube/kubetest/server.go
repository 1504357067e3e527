package kubetest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"odasync/internal/testwait"
)

// Answer is what the scripted API server does with one request.
type Answer func(w http.ResponseWriter, r *http.Request)

// Server is an API server that answers requests for Components with one answer after the other, and the last one again and again.
type Server struct {
	*httptest.Server
	crd Answer

	mu       sync.Mutex
	answers  []Answer
	requests []string
	lookups  int // requests for the CRD
}

// NewServer starts a server whose CRD serves v1. It ends with the test, and so do the requests that it holds open.
func NewServer(t *testing.T, answers ...Answer) *Server {
	t.Helper()
	s := &Server{answers: answers, crd: Serves("v1")}
	stop := make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go func() {
			select {
			case <-stop: // else Close waits for the watches that are held open
				cancel()
			case <-ctx.Done():
			}
		}()
		s.serve(w, r.WithContext(ctx))
	}))
	t.Cleanup(func() { close(stop); s.Close() })
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "customresourcedefinitions") {
		s.mu.Lock()
		crd := s.crd
		s.lookups++
		s.mu.Unlock()
		crd(w, r)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, Describe(r))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	next(w, r)
}

// Describe returns the path of a request and the parameters that distinguish requests.
func Describe(r *http.Request) string {
	query := r.URL.Query()
	where := strings.TrimPrefix(r.URL.Path, "/apis/oda.tmforum.org/")
	switch {
	case query.Get("sendInitialEvents") == "true" && query.Get("resourceVersionMatch") == "NotOlderThan" && query.Get("resourceVersion") == "":
		return where + " watch initial"
	case query.Get("watch") == "true":
		return where + " watch from " + query.Get("resourceVersion")
	}
	return strings.Join(strings.Fields(where+" list "+query.Get("limit")+" "+query.Get("continue")+" "+query.Get("fieldSelector")+" "+query.Get("labelSelector")), " ")
}

// Requests describes the requests for objects, such as "v1/namespaces/a/components watch from 2".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Lookups is the number of requests for the CRD.
func (s *Server) Lookups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups
}

// SetCRD replaces the answer to requests for the CRD.
func (s *Server) SetCRD(crd Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crd = crd
}

// AwaitRequests waits for a number of requests for Components.
func (s *Server) AwaitRequests(t *testing.T, n int) {
	t.Helper()
	testwait.Until(t, fmt.Sprintf("%d requests", n), func() bool { return len(s.Requests()) >= n })
}
