package tmf639

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// route is one operation of the contract. Of the routes of one path the first
// is the one that a 405 allows.
type route struct {
	method, path string
	permission   string // needed where there is authentication; none if empty
	body         bool   // a JSON object is required
	run          operation
}

// operation returns the answer, or why there is none.
type operation func(*call) (*answer, *failure)

// call is a request whose body passed validation.
type call struct {
	ctx    context.Context
	method string
	base   string
	id     string
	query  url.Values
	raw    []byte
	body   pyjson.Object
}

// answer is a success. A body of nil is none.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

func ok(body []byte) *answer { return &answer{status: http.StatusOK, body: body} }

func created(body []byte) *answer { return &answer{status: http.StatusCreated, body: body} }

func gone() *answer { return &answer{status: http.StatusNoContent} }

func (s *Service) operations() []route {
	return []route{
		{method: "GET", path: "/health", run: s.health},

		{method: "GET", path: "/resource", permission: resourceList, run: s.list},
		{method: "POST", path: "/resource", permission: resourcePost, body: true, run: s.create},
		{method: "GET", path: "/resource/{id}", permission: resourceGet, run: s.get},
		{method: "PATCH", path: "/resource/{id}", permission: resourcePatch, body: true, run: s.patch},
		{method: "DELETE", path: "/resource/{id}", permission: resourceDelete, run: s.remove},

		{method: "GET", path: "/hub", permission: hubList, run: s.listHubs},
		{method: "POST", path: "/hub", permission: hubPost, body: true, run: s.createHub},
		{method: "GET", path: "/hub/{id}", permission: hubGet, run: s.getHub},
		{method: "DELETE", path: "/hub/{id}", permission: hubDelete, run: s.removeHub},

		{method: "POST", path: "/sync", permission: syncPost, body: true, run: s.sync},
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, rt route, id string) {
	c := &call{ctx: r.Context(), method: r.Method, base: base(r), id: id, query: r.URL.Query()}
	done, failed := s.perform(c, r, rt)
	if failed != nil {
		failed.answer(w)
		return
	}
	for name, value := range done.header {
		w.Header().Set(name, value)
	}
	if done.body == nil {
		w.WriteHeader(done.status)
		return
	}
	sendJSON(w, done.status, done.body)
}

func (s *Service) perform(c *call, r *http.Request, rt route) (*answer, *failure) {
	var content any
	if rt.body {
		var err error
		if c.raw, err = io.ReadAll(r.Body); err != nil {
			panic(http.ErrAbortHandler) // the client left before its body was complete
		}
		var failed *failure
		if content, failed = readBody(r.Header.Get("Content-Type"), c.raw); failed != nil {
			return nil, failed
		}
	}
	if failed := s.authorize(r, rt.permission); failed != nil {
		return nil, failed
	}
	if rt.body {
		var failed *failure
		if c.body, failed = asObject(content); failed != nil {
			return nil, failed
		}
	}
	return rt.run(c)
}

func (s *Service) health(*call) (*answer, *failure) {
	return ok(pyjson.Append(nil, pyjson.Object{}.With("status", "healthy").With("version", "5.0.0").With("Name", s.cfg.Name).With("worker_pid", os.Getpid()))), nil
}
