package refregistry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"odasync/internal/refregistry/auth"
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
	// Auth makes a TMF639 registry require tokens, which it issues itself:
	// "POST /realms/odari/protocol/openid-connect/token" for clients, "POST
	// /token" for the local user. The API key remains valid where it is set.
	Auth *auth.Config
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
	issuer  *auth.Issuer    // nil without tokens
	api     contract
	handler http.Handler
	history history
	faults  faults.Injector
	pool    faults.Pool

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
		of := tmf639.Config{Name: cfg.Name, Friendly: cfg.Friendly, Now: cfg.Now, Record: s.history.recordTMF639}
		if cfg.Auth != nil {
			s.issuer, of.Authenticate = auth.New(*cfg.Auth), s.roles
		}
		s.tmf639 = tmf639.New(of)
		if s.issuer != nil {
			s.handleLogin()
		}
		s.api, content = s.tmf639, resources{s.tmf639}
	default:
		panic("refregistry: unknown API " + cfg.API) // commands check it
	}
	page := web.New(content, web.Access{Key: cfg.APIKey != "", Tokens: s.issuer != nil, TMF639: s.tmf639 != nil}, cfg.Now)
	for _, path := range web.Paths {
		s.api.HandlePage(path, page)
	}
	operations := s.pool.Stoppable(s.authorize(s.api), isForTokens)
	s.handler = s.observe(s.pool.Handler(s.faults.Handler(operations, s.history.end), holdsConnection))
	return s
}

// Handler serves the API and the page.
func (s *Server) Handler() http.Handler { return s.handler }

// SetFault asks f about every request from now on, before the API key is
// checked: see faults.Injector.
func (s *Server) SetFault(f func(r *http.Request) *faults.Fault) { s.faults.Set(f) }

// SetFreeze makes a 16th request in flight stop the whole server for a time,
// which is 30 s in the deployed TMF639 registry, and fail; 0 ends that.
func (s *Server) SetFreeze(d time.Duration) { s.pool.SetFreeze(d) }

// MaxInFlight returns the largest number of requests that the server had at
// once, those for tokens and health checks left out.
func (s *Server) MaxInFlight() int { return s.pool.Max() }

// holdsConnection reports whether a request uses the database of the registry.
func holdsConnection(r *http.Request) bool {
	return r.URL.Path != "/health" && r.URL.Path != auth.LoginPath && !isForTokens(r)
}

// isForTokens reports whether a request is for the token endpoint, which is a
// service of its own in a Canvas.
func isForTokens(r *http.Request) bool { return r.URL.Path == auth.TokenPath }

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
