package refregistry

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// maxBody is the largest request body that is read; a larger one gets 413.
const maxBody = 1 << 20

// Config holds the tunables; its zero value is an open registry in memory.
type Config struct {
	// APIKey, when set, is asked for as "Authorization: Bearer <key>" by
	// everything except /health. The page for people takes it as the password
	// of HTTP Basic too, with any user name.
	APIKey string
	// ShuffleLists lists rows in an order that is stable but not by id, as a
	// database may that is not told to sort.
	ShuffleLists bool
	// RecordHistory keeps every write for History. It grows without bound.
	RecordHistory bool
	// Log receives failures of the store; the zero Logger is silent.
	Log zerolog.Logger
	// Now dates what is written; nil is the system's clock.
	Now func() time.Time
}

// Server is a Component Registry. It is safe for concurrent use.
type Server struct {
	cfg     Config
	store   store
	mux     *http.ServeMux
	handler http.Handler
	names   map[string]string // from the mux's pattern to the operation's name
	history *history          // nil unless recorded
	fault   atomic.Pointer[func(*http.Request) *Fault]

	mu       sync.Mutex
	requests map[string]int
}

// New returns an empty registry that keeps its content in memory.
func New(cfg Config) *Server { return newServer(cfg, newMemoryStore(cfg.ShuffleLists)) }

func newServer(cfg Config, content store) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{
		cfg:      cfg,
		store:    content,
		mux:      http.NewServeMux(),
		names:    map[string]string{},
		requests: map[string]int{},
	}
	if cfg.RecordHistory {
		s.history = &history{}
	}
	s.register()
	s.registerPage()
	s.handler = s.observe(s.authorize(http.HandlerFunc(s.dispatch)))
	return s
}

// Handler serves the API and the page for people.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) now() time.Time { return s.cfg.Now() }

// Requests returns how often each operation was called, by "METHOD /path/{id}";
// refused and faulted calls count. A call that was redirected for its trailing
// slash counts under the path it used ("GET /labels"), every other unknown one
// under "*".
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

// observe counts the request, reads its body, records the write that it may
// turn into and lets a fault come in between.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := s.operation(r)
		s.mu.Lock()
		s.requests[name]++
		s.mu.Unlock()

		over := func() {}
		if s.history != nil {
			r, over = s.history.begin(r)
			defer over()
		}
		// The body is read here so that a fault may look into it, and so that
		// the server notices a client that leaves during a hang.
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			var tooLarge *http.MaxBytesError
			if !errors.As(err, &tooLarge) {
				panic(http.ErrAbortHandler) // the client left in the middle of its body
			}
			s.answer(w, r, 0, nil, refuse(http.StatusRequestEntityTooLarge, "The request body is larger than %d bytes", maxBody))
			return
		}
		restore := func() { r.Body = io.NopCloser(bytes.NewReader(raw)) }

		restore()
		if choose := s.fault.Load(); choose != nil {
			fault := (*choose)(r)
			restore()
			if fault != nil {
				fault.strike(w, r, next, over)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.cfg.APIKey == "" || r.URL.Path == "/health" || s.hasKey(r):
			next.ServeHTTP(w, r)
		case isPage(r.URL.Path):
			refusePage(w)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.answer(w, r, 0, nil, refuse(http.StatusUnauthorized, "A valid API key is required"))
		}
	})
}

// hasKey looks for the key as a Bearer token and, for the page alone, as the
// password of HTTP Basic: were a browser to send it along to the API by itself,
// any other site could write there.
func (s *Server) hasKey(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		if !isPage(r.URL.Path) {
			return false
		}
		_, key, _ = r.BasicAuth() // without one the key is empty, and wrong
	}
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.APIKey)) == 1
}
