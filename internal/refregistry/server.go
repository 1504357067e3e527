package refregistry

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/tmf639"
	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/refregistry/web"
)

// maxBody is the largest request body that is read; a larger one gets 413.
const maxBody = 1 << 20

// The contracts.
const (
	V1     = "v1"
	TMF639 = "tmf639"
)

// Config holds the tunables; its zero value is a v1 registry without a key.
type Config struct {
	// API is the contract: V1, also if it is empty, or TMF639.
	API string
	// Name is what the health check of a TMF639 registry answers as its Name;
	// empty is "self".
	Name string
	// Friendly makes a TMF639 registry filter before it pages, and find self:x
	// by the bare name x.
	Friendly bool
	// APIKey, when set, is required as "Authorization: Bearer <key>" by
	// everything except /health. The page accepts it also as the password of
	// HTTP Basic, with any user name.
	APIKey string
	// ShuffleLists makes a v1 registry list rows in an order that is stable but
	// not by id, like a database that is not asked to sort.
	ShuffleLists bool
	// RecordHistory keeps every write for History. It grows without bound.
	RecordHistory bool
	// Now dates what is written; nil is the system's clock.
	Now func() time.Time
}

// contract is the API that a registry is served through.
type contract interface {
	http.Handler
	// HandlePage serves a page for people at a path.
	HandlePage(path string, page http.Handler)
	// Operation names a request for Requests.
	Operation(r *http.Request) string
	// Refuse answers with an error in the contract's format.
	Refuse(w http.ResponseWriter, status int, detail string)
}

// Server is a Component Registry. It is safe for concurrent use.
type Server struct {
	cfg     Config
	store   *store          // of v1
	tmf639  *tmf639.Service // nil for v1
	api     contract
	handler http.Handler
	history history
	faults  faults.Injector

	mu       sync.Mutex
	requests map[string]int
}

// New returns an empty registry.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, store: newStore(cfg.ShuffleLists), requests: map[string]int{}}
	s.history.off = !cfg.RecordHistory
	var content web.Registry = s.store
	switch cfg.API {
	case V1, "":
		s.api = v1.New(s.store, cfg.Now, s.history.recordV1)
	case TMF639:
		s.tmf639 = tmf639.New(tmf639.Config{Name: cfg.Name, Friendly: cfg.Friendly, Now: cfg.Now, Record: s.history.recordTMF639})
		s.api, content = s.tmf639, resources{s.tmf639}
	default:
		panic("refregistry: unknown API " + cfg.API) // commands check it
	}
	page := web.New(content, cfg.APIKey != "", cfg.Now)
	for _, path := range web.Paths {
		s.api.HandlePage(path, page)
	}
	s.handler = s.observe(s.faults.Handler(s.authorize(s.api), s.history.end))
	return s
}

// Handler serves the API and the page.
func (s *Server) Handler() http.Handler { return s.handler }

// SetFault asks f about every request from now on, before the API key is
// checked: see faults.Injector.
func (s *Server) SetFault(f func(r *http.Request) *faults.Fault) { s.faults.Set(f) }

// Requests returns how often each operation was called, by "METHOD /path/{id}",
// including failed calls. A call that was redirected for its trailing slash
// counts under the path it used ("GET /labels"), an unknown one under "*".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// ResetRequests sets all counts to zero.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.requests)
}

// observe counts the request, reads its body and opens the span of its write.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := s.api.Operation(r)
		s.mu.Lock()
		s.requests[name]++
		s.mu.Unlock()

		r = s.history.begin(r)
		defer s.history.end(r)
		// With the body read, the server notices a client that leaves during a hang.
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			var tooLarge *http.MaxBytesError
			if !errors.As(err, &tooLarge) {
				panic(http.ErrAbortHandler) // the client left before its body was complete
			}
			s.api.Refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("The request body is larger than %d bytes", maxBody))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		next.ServeHTTP(w, r)
	})
}

func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.cfg.APIKey == "" || r.URL.Path == "/health" || s.hasKey(r):
			next.ServeHTTP(w, r)
		case web.Serves(r.URL.Path):
			web.RequireKey(w)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.api.Refuse(w, http.StatusUnauthorized, "A valid API key is required")
		}
	})
}

// hasKey looks for the key as a Bearer token and, for the page alone, as the
// password of HTTP Basic: a browser sends that with every request by itself, so
// that any other site could write to the API.
func (s *Server) hasKey(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		if !web.Serves(r.URL.Path) {
			return false
		}
		_, key, _ = r.BasicAuth() // without one the key is empty, and wrong
	}
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.APIKey)) == 1
}
