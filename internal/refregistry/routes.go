package refregistry

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// route is one operation of the contract: what is validated before run sees
// it, and the status of success.
type route struct {
	method string
	path   string
	id     string // v1's name of the path's id, as it shows in a 422
	paged  bool
	fields []field // of the body, nil without one
	status int
	run    func(*call) (any, error)
}

// call is a request whose path, query and body passed validation.
type call struct {
	ctx         context.Context
	method      string
	id          int64
	query       url.Values
	skip, limit int
	raw         []byte
	body        body
}

func (s *Server) routes() []route {
	const ok, created, gone = http.StatusOK, http.StatusCreated, http.StatusNoContent
	return []route{
		{method: "GET", path: "/health", status: ok, run: s.health},
		{method: "GET", path: "/stats", status: ok, run: s.stats},

		{method: "GET", path: "/labels/", paged: true, status: ok, run: s.listLabels},
		{method: "POST", path: "/labels/", fields: labelFields, status: created, run: s.createLabel},
		{method: "GET", path: "/labels/{id}", id: "label_id", status: ok, run: s.getLabel},
		{method: "PUT", path: "/labels/{id}", id: "label_id", fields: partial(labelFields), status: ok, run: s.updateLabel},
		{method: "DELETE", path: "/labels/{id}", id: "label_id", status: gone, run: s.deleteLabel},

		{method: "GET", path: "/registries/", paged: true, status: ok, run: s.listRegistries},
		{method: "POST", path: "/registries/", fields: registryFields, status: created, run: s.createRegistry},
		{method: "GET", path: "/registries/{id}", id: "registry_id", status: ok, run: s.getRegistry},
		{method: "PUT", path: "/registries/{id}", id: "registry_id", fields: partial(registryFields), status: ok, run: s.updateRegistry},
		{method: "DELETE", path: "/registries/{id}", id: "registry_id", status: gone, run: s.deleteRegistry},

		{method: "GET", path: "/components/", paged: true, status: ok, run: s.listComponents},
		{method: "POST", path: "/components/", fields: componentFields, status: created, run: s.createComponent},
		{method: "GET", path: "/components/{id}", id: "component_id", status: ok, run: s.getComponent},
		{method: "PUT", path: "/components/{id}", id: "component_id", fields: partial(componentFields), status: ok, run: s.updateComponent},
		{method: "DELETE", path: "/components/{id}", id: "component_id", status: gone, run: s.deleteComponent},

		{method: "GET", path: "/exposed-apis/", paged: true, status: ok, run: s.listAPIs},
		{method: "POST", path: "/exposed-apis/", fields: apiFields, status: created, run: s.createAPI},
		{method: "GET", path: "/exposed-apis/{id}", id: "api_id", status: ok, run: s.getAPI},
		{method: "PUT", path: "/exposed-apis/{id}", id: "api_id", fields: partial(apiFields), status: ok, run: s.updateAPI},
		{method: "PATCH", path: "/exposed-apis/{id}/status", id: "api_id", fields: apiStatusFields, status: ok, run: s.updateAPIStatus},
		{method: "DELETE", path: "/exposed-apis/{id}", id: "api_id", status: gone, run: s.deleteAPI},
	}
}

func (s *Server) register() {
	for _, rt := range s.routes() {
		pattern := rt.method + " " + exact(rt.path)
		s.names[pattern] = rt.method + " " + rt.path
		s.mux.Handle(pattern, s.endpoint(rt))
	}
}

// exact is the mux's pattern of a path alone, without all that is below it.
func exact(path string) string {
	if strings.HasSuffix(path, "/") {
		return path + "{$}"
	}
	return path
}

// endpoint validates in FastAPI's order and collects all problems before it
// refuses: path, query, body.
func (s *Server) endpoint(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ctx: r.Context(), method: r.Method, query: r.URL.Query(), limit: defaultLimit}
		var problems []problem
		if rt.id != "" {
			id, ok := parseInteger(r.PathValue("id"))
			if !ok {
				problems = append(problems, notInteger([]any{"path", rt.id}))
			}
			c.id = id
		}
		if rt.paged {
			problems = append(problems, c.parsePaging()...)
		}
		if rt.fields != nil {
			var err error
			if c.raw, err = io.ReadAll(r.Body); err != nil {
				s.answer(w, r, 0, nil, err)
				return
			}
			parsed, found, err := parseBody(r.Header.Get("Content-Type"), c.raw, rt.fields)
			if err != nil {
				s.answer(w, r, 0, nil, err)
				return
			}
			c.body = parsed
			problems = append(problems, found...)
		}
		if len(problems) > 0 {
			s.answer(w, r, 0, nil, &refusal{http.StatusUnprocessableEntity, problems})
			return
		}
		out, err := rt.run(c)
		s.answer(w, r, rt.status, out, err)
	})
}

// dispatch runs the matching operation, or does as FastAPI does without one:
// 405 for another method, 307 to the path with or without its trailing slash,
// 404.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	if s.match(r.Method, r.URL) != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	if methods := s.allowed(r.URL); len(methods) > 0 {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		s.answer(w, r, 0, nil, refuse(http.StatusMethodNotAllowed, "Method Not Allowed"))
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
	s.answer(w, r, 0, nil, refuse(http.StatusNotFound, "Not Found"))
}

// operation names the request for Requests.
func (s *Server) operation(r *http.Request) string {
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

// match returns the operation's name, "" for none. The mux itself would clean
// a path, redirect to one with a slash and let HEAD pass for GET: v1 does the
// first and the last not at all, and the second in its own way.
func (s *Server) match(method string, u *url.URL) string {
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

func (s *Server) allowed(u *url.URL) []string {
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
