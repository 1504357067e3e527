package v1

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// route is one operation of the contract: what is validated before run is
// called, and the status of success.
type route struct {
	method string
	path   string
	id     string // v1's name of the path's id, as a 422 has it
	paged  bool
	fields []field // of the body, nil without one
	status int
	run    operation
}

type operation func(*call) (any, *failure)

// call is a request whose path, query and body passed validation.
type call struct {
	ctx         context.Context
	now         time.Time
	method      string
	id          int64
	query       url.Values
	skip, limit int
	raw         []byte
	body        body
}

func (s *Service) routes() []route {
	const ok, created, gone = http.StatusOK, http.StatusCreated, http.StatusNoContent
	labels, registries, components, apis := s.labels(), s.registries(), s.components(), s.apis()
	return []route{
		{method: "GET", path: "/health", status: ok, run: s.health},
		{method: "GET", path: "/stats", status: ok, run: s.stats},

		{method: "GET", path: "/labels/", paged: true, status: ok, run: labels.list(everything)},
		{method: "POST", path: "/labels/", fields: labelFields, status: created, run: s.createLabel},
		{method: "GET", path: "/labels/{id}", id: "label_id", status: ok, run: labels.get},
		{method: "PUT", path: "/labels/{id}", id: "label_id", fields: partial(labelFields), status: ok, run: s.updateLabel},
		{method: "DELETE", path: "/labels/{id}", id: "label_id", status: gone, run: labels.remove},

		{method: "GET", path: "/registries/", paged: true, status: ok, run: registries.list(everything)},
		{method: "POST", path: "/registries/", fields: registryFields, status: created, run: s.createRegistry},
		{method: "GET", path: "/registries/{id}", id: "registry_id", status: ok, run: registries.get},
		{method: "PUT", path: "/registries/{id}", id: "registry_id", fields: partial(registryFields), status: ok, run: s.updateRegistry},
		{method: "DELETE", path: "/registries/{id}", id: "registry_id", status: gone, run: registries.remove},

		{method: "GET", path: "/components/", paged: true, status: ok, run: components.list(ofRegistry)},
		{method: "POST", path: "/components/", fields: componentFields, status: created, run: s.createComponent},
		{method: "GET", path: "/components/{id}", id: "component_id", status: ok, run: components.get},
		{method: "PUT", path: "/components/{id}", id: "component_id", fields: partial(componentFields), status: ok, run: s.updateComponent},
		{method: "DELETE", path: "/components/{id}", id: "component_id", status: gone, run: components.remove},

		{method: "GET", path: "/exposed-apis/", paged: true, status: ok, run: apis.list(ofComponent)},
		{method: "POST", path: "/exposed-apis/", fields: apiFields, status: created, run: s.createAPI},
		{method: "GET", path: "/exposed-apis/{id}", id: "api_id", status: ok, run: apis.get},
		{method: "PUT", path: "/exposed-apis/{id}", id: "api_id", fields: partial(apiFields), status: ok, run: s.updateAPI},
		{method: "PATCH", path: "/exposed-apis/{id}/status", id: "api_id", fields: apiStatusFields, status: ok, run: s.updateAPIStatus},
		{method: "DELETE", path: "/exposed-apis/{id}", id: "api_id", status: gone, run: s.deleteAPI},
	}
}

// endpoint validates path, query and body in FastAPI's order and reports all
// problems together.
func (s *Service) endpoint(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ctx: r.Context(), now: s.now(), method: r.Method, query: r.URL.Query(), limit: defaultLimit}
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
				panic(http.ErrAbortHandler) // the client left before its body was complete
			}
			parsed, found, failed := parseBody(r.Header.Get("Content-Type"), c.raw, rt.fields)
			if failed != nil {
				failed.answer(w)
				return
			}
			c.body = parsed
			problems = append(problems, found...)
		}
		if len(problems) > 0 {
			(&failure{http.StatusUnprocessableEntity, problems}).answer(w)
			return
		}
		out, failed := rt.run(c)
		if failed != nil {
			failed.answer(w)
			return
		}
		writeJSON(w, rt.status, out)
	})
}
