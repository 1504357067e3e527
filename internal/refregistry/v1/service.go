package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Service answers the requests of the contract. It is safe for concurrent use.
type Service struct {
	store  Store
	now    func() time.Time
	record func(context.Context, Write)
	mux    *http.ServeMux
	names  map[string]string // operations by the mux's pattern
}

// The kinds of a Write.
const (
	KindLabel     = "label"
	KindRegistry  = "registry"
	KindComponent = "component"
	KindAPI       = "exposed-api"
)

// Write is one change that took effect.
type Write struct {
	Method string
	Kind   string
	// Registry, Component and API name what was written, as it is named after
	// the write; what does not apply to the kind is empty.
	Registry, Component, API string
	ID                       int64
	// Body is the request's, empty for a deletion.
	Body json.RawMessage
}

// New returns a service over the store. now dates what is written. record gets
// every write inside its transaction, with the request's context.
func New(store Store, now func() time.Time, record func(context.Context, Write)) *Service {
	s := &Service{store: store, now: now, record: record, mux: http.NewServeMux(), names: map[string]string{}}
	for _, rt := range s.routes() {
		s.handle(rt.method, rt.path, s.endpoint(rt))
	}
	return s
}

// HandlePage serves a page at a path, as one more operation of the contract.
func (s *Service) HandlePage(path string, page http.Handler) { s.handle(http.MethodGet, path, page) }

func (s *Service) handle(method, path string, handler http.Handler) {
	pattern := method + " " + path
	if strings.HasSuffix(path, "/") {
		pattern += "{$}" // the path alone, without all that is below it
	}
	s.names[pattern] = method + " " + path
	s.mux.Handle(pattern, handler)
}

func (s *Service) wrote(c *call, w Write) {
	w.Method, w.Body = c.method, c.raw
	s.record(c.ctx, w)
}

// ServeHTTP runs the matching operation. Without one it does as FastAPI does:
// 405 for another method, 307 to the path with or without its trailing slash,
// 404.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.match(r.Method, r.URL) != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	if methods := s.allowed(r.URL); len(methods) > 0 {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		s.Refuse(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	if other := toggleSlash(r.URL); len(s.allowed(other)) > 0 {
		target := url.URL{Scheme: "http", Host: r.Host, Path: other.Path, RawQuery: r.URL.RawQuery}
		if r.TLS != nil {
			target.Scheme = "https"
		}
		w.Header().Set("Location", target.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	s.Refuse(w, http.StatusNotFound, "Not Found")
}

// Operation names the request: "METHOD /path/{id}", the path used for one that
// is redirected for its trailing slash, and "*" for an unknown one.
func (s *Service) Operation(r *http.Request) string {
	if name := s.match(r.Method, r.URL); name != "" {
		return name
	}
	if len(s.allowed(r.URL)) == 0 {
		if name := s.match(r.Method, toggleSlash(r.URL)); name != "" {
			return toggled(name)
		}
	}
	return "*"
}

// match returns the operation's name, empty for none. The mux itself would
// clean a path, redirect to one with a slash and serve HEAD by GET: v1 does
// neither the first nor the last, and redirects in its own way.
func (s *Service) match(method string, u *url.URL) string {
	clean := path.Clean(u.Path)
	if clean != u.Path && clean+"/" != u.Path || method == http.MethodHead {
		return ""
	}
	_, pattern := s.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: u.Path}})
	name := s.names[pattern]
	if strings.HasSuffix(name, "/") != strings.HasSuffix(u.Path, "/") {
		return ""
	}
	return name
}

func (s *Service) allowed(u *url.URL) []string {
	var methods []string
	for _, method := range []string{"DELETE", "GET", "PATCH", "POST", "PUT"} {
		if s.match(method, u) != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

func toggleSlash(u *url.URL) *url.URL { return &url.URL{Path: toggled(u.Path)} }

func toggled(s string) string {
	if cut, ok := strings.CutSuffix(s, "/"); ok {
		return cut
	}
	return s + "/"
}
