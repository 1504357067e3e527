package tmf639

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config holds the tunables; its zero value is a service called self.
type Config struct {
	// Name is what /health answers as Name; empty is self.
	Name string
	// Friendly filters before it pages, and finds self:x by the bare name x.
	Friendly bool
	// Authenticate, if set, decides who may do what.
	Authenticate Authenticate
	// Now dates what is written and sent; nil is the system's clock.
	Now func() time.Time
	// Record, if set, gets every write inside its transaction, with the
	// request's context.
	Record func(context.Context, Write)
}

// Write is one change that took effect.
type Write struct {
	Method string
	ID     string // of the document
	Body   json.RawMessage
}

// Service answers the requests of the contract. It is safe for concurrent use.
type Service struct {
	cfg    Config
	store  *store
	hubs   *hubs
	routes []route
	others map[string]other // by path
}

// New returns a service without documents.
func New(cfg Config) *Service {
	if cfg.Name == "" {
		cfg.Name = "self"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Record == nil {
		cfg.Record = func(context.Context, Write) {}
	}
	s := &Service{cfg: cfg, store: newStore(), hubs: newHubs(), others: map[string]other{}}
	s.routes = s.operations()
	return s
}

// other is an operation beside the contract: a page for people, or a login.
type other struct {
	method  string
	handler http.Handler
}

// HandlePage serves a page for people at a path.
func (s *Service) HandlePage(path string, page http.Handler) { s.Handle(http.MethodGet, path, page) }

// Handle serves an operation beside the contract.
func (s *Service) Handle(method, path string, handler http.Handler) {
	s.others[path] = other{method, handler}
}

// Restart does what a restart of the deployed service does, which keeps its
// documents and hubs: hubs that answered 401 get events again.
func (s *Service) Restart() { s.hubs.restart() }

// ServeHTTP runs the matching operation. Without one it does as FastAPI does:
// 405 for another method, 307 to the path with or without its trailing slash,
// 404.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pattern, id := s.pattern(r.URL.Path)
	other, beside := s.others[pattern]
	if beside && r.Method == other.method {
		other.handler.ServeHTTP(w, r)
		return
	}
	allow := other.method
	for _, rt := range s.routes {
		switch {
		case rt.path != pattern:
		case rt.method == r.Method:
			s.serve(w, r, rt, id)
			return
		case allow == "":
			allow = rt.method // of the first route alone, as the service does
		}
	}
	switch known, _ := s.pattern(toggled(r.URL.Path)); {
	case pattern != "":
		w.Header().Set("Allow", allow)
		s.Refuse(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	case known != "":
		target := url.URL{Path: toggled(r.URL.Path), RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", base(r)+target.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		s.Refuse(w, http.StatusNotFound, "Not Found")
	}
}

// Operation names the request: "METHOD /path/{id}", the path used for one that
// is redirected for its trailing slash, and "*" for an unknown one.
func (s *Service) Operation(r *http.Request) string {
	pattern, _ := s.pattern(r.URL.Path)
	if pattern == "" {
		if pattern, _ = s.pattern(toggled(r.URL.Path)); pattern != "" {
			pattern = toggled(pattern)
		}
	}
	other, known := s.others[pattern]
	known = known && r.Method == other.method
	for _, rt := range s.routes {
		known = known || rt.method == r.Method && (rt.path == pattern || toggled(rt.path) == pattern)
	}
	if pattern == "" || !known {
		return "*"
	}
	return r.Method + " " + pattern
}

// pattern returns the known path that a request's path matches, and its id.
// The ids are any text without a slash.
func (s *Service) pattern(path string) (pattern, id string) {
	for _, collection := range []string{"/resource", "/hub"} {
		if rest, ok := strings.CutPrefix(path, collection+"/"); ok && rest != "" && !strings.Contains(rest, "/") {
			return collection + "/{id}", rest
		}
	}
	if _, known := s.others[path]; known {
		return path, ""
	}
	for _, rt := range s.routes {
		if rt.path == path {
			return path, ""
		}
	}
	return "", ""
}

func toggled(path string) string {
	if cut, ok := strings.CutSuffix(path, "/"); ok {
		return cut
	}
	return path + "/"
}

// base is the address at which the client reached the service.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
