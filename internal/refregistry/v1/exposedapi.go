package v1

import (
	"net/http"
	"slices"
)

// The states of an exposed API.
const (
	StatusPending = "pending"
	StatusReady   = "ready"
)

var apiStatuses = []string{StatusPending, StatusReady}

var apiFields = []field{
	{name: "registry_name", required: true, min: 1, max: 100},
	{name: "component_name", required: true, min: 1, max: 100},
	{name: "name", required: true, min: 1, max: 100},
	{name: "url", required: true, min: 1, max: 500},
	{name: "oas_specification", nullable: true},
	{name: "status", kind: enum, values: apiStatuses},
	labelIDs,
}

// apiStatusFields are those of PATCH …/status: v1 validates a whole update
// there and then uses only the status, whose absence it answers with a 400.
var apiStatusFields = func() []field {
	fields := partial(apiFields)
	for i := range fields {
		fields[i].nullable = true
	}
	return fields
}()

func (s *Service) apis() resource[APIRow, apiView] {
	return resource[APIRow, apiView]{
		service: s, name: "Exposed API",
		table: func(t *Tables) Table[APIRow] { return t.APIs },
		view:  (*viewer).api,
		write: func(row APIRow) Write {
			return Write{Kind: KindAPI, Registry: row.Registry, Component: row.Component, API: row.Name, ID: row.ID}
		},
	}
}

// ofComponent filters by registry and component only as a pair, and by the
// status only without one.
func ofComponent(c *call) Selection {
	sel := Selection{First: c.last("registry_name"), Second: c.last("component_name")}
	if sel.First == "" || sel.Second == "" {
		return Selection{State: c.last("status")}
	}
	return sel
}

// createAPI also creates a second API of the same name.
func (s *Service) createAPI(c *call) (any, *failure) {
	row := APIRow{
		Registry: c.body.text("registry_name", ""), Component: c.body.text("component_name", ""),
		Name: c.body.text("name", ""), URL: c.body.text("url", ""),
		Specification: c.body.optional("oas_specification", nil), Status: c.body.text("status", StatusPending),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(c.now), Changed: c.now,
	}
	return s.apis().create(c, row, func(t *Tables) *failure {
		if failed := knownRegistry(t, row.Registry); failed != nil {
			return failed
		}
		if _, ok := t.Components.Find(row.Pair()); !ok {
			return fail(http.StatusNotFound, "Component not found")
		}
		return nil
	}, func(t *Tables, row APIRow) { touch(t, row.Pair(), c.now) })
}

func (s *Service) updateAPI(c *call) (any, *failure) {
	return s.changeAPI(c, func(row APIRow) APIRow {
		row.Registry = c.body.text("registry_name", row.Registry)
		row.Component = c.body.text("component_name", row.Component)
		row.Name = c.body.text("name", row.Name)
		row.URL = c.body.text("url", row.URL)
		row.Specification = c.body.optional("oas_specification", row.Specification)
		row.Status = c.body.text("status", row.Status)
		row.LabelIDs = c.body.ids("label_ids", row.LabelIDs)
		return row
	})
}

func (s *Service) updateAPIStatus(c *call) (any, *failure) {
	status := c.body.text("status", "")
	if status == "" {
		return nil, fail(http.StatusBadRequest, "A status is required")
	}
	delete(c.body, "label_ids") // their type is validated, their existence is not
	return s.changeAPI(c, func(row APIRow) APIRow {
		row.Status = status
		return row
	})
}

func (s *Service) changeAPI(c *call, change func(APIRow) APIRow) (any, *failure) {
	return s.apis().update(c, func(t *Tables, old APIRow) (APIRow, *failure) {
		row := change(old)
		if row.differs(old) {
			row.Changed = c.now
			touch(t, old.Pair(), c.now)
			touch(t, row.Pair(), c.now)
		}
		return row, nil
	})
}

func (s *Service) deleteAPI(c *call) (any, *failure) {
	return s.apis().removeAnd(c, func(t *Tables, row APIRow) { touch(t, row.Pair(), c.now) })
}

// differs compares what a client can set.
func (r APIRow) differs(from APIRow) bool {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return r.Pair() != from.Pair() || r.Name != from.Name || r.URL != from.URL || r.Status != from.Status ||
		text(r.Specification) != text(from.Specification) || !slices.Equal(r.LabelIDs, from.LabelIDs)
}
