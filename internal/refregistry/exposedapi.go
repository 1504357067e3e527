package refregistry

import (
	"net/http"
	"slices"
)

const statusPending, statusReady = "pending", "ready"

var apiStatuses = []string{statusPending, statusReady}

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
// there and then uses the status alone, which it misses with a 400.
var apiStatusFields = func() []field {
	fields := partial(apiFields)
	for i := range fields {
		fields[i].nullable = true
	}
	return fields
}()

func pickAPIs(t *tables) table[apiRow] { return t.apis }

// listAPIs filters by registry and component only as a pair, and looks at the
// status only without one.
func (s *Server) listAPIs(c *call) (any, error) {
	sel := selection{first: c.last("registry_name"), second: c.last("component_name")}
	if sel.first == "" || sel.second == "" {
		sel = selection{state: c.last("status")}
	}
	return list(s, c, sel, pickAPIs, (*viewer).api)
}

func (s *Server) getAPI(c *call) (any, error) {
	var out apiView
	err := s.store.view(c.ctx, func(t *tables) error {
		row, err := item(t.apis, c.id, "Exposed API")
		if err != nil {
			return err
		}
		out, err = newViewer(t).api(row)
		return err
	})
	return out, err
}

// createAPI makes a second API of a name without a word.
func (s *Server) createAPI(c *call) (any, error) {
	now := s.now()
	row := apiRow{
		Registry: c.body.text("registry_name", ""), Component: c.body.text("component_name", ""),
		Name: c.body.text("name", ""), URL: c.body.text("url", ""),
		Specification: c.body.optional("oas_specification", nil), Status: c.body.text("status", statusPending),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(now), Changed: now.UnixMicro(),
	}
	var out apiView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := knownRegistry(t, row.Registry); err != nil {
			return err
		}
		exists, err := has(t.components, row.pair())
		if err != nil {
			return err
		}
		if !exists {
			return refuse(http.StatusNotFound, "Component not found")
		}
		if err := checkLabels(t, row.LabelIDs); err != nil {
			return err
		}
		row, err := t.apis.insert(row)
		if err != nil {
			return err
		}
		if err := touch(t, row.pair(), row.Changed); err != nil {
			return err
		}
		s.wrote(c, apiWrite(row))
		out, err = newBareViewer(t).api(row)
		return err
	})
	return out, err
}

func (s *Server) updateAPI(c *call) (any, error) {
	return s.changeAPI(c, func(row apiRow) apiRow {
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

func (s *Server) updateAPIStatus(c *call) (any, error) {
	status := c.body.text("status", "")
	if status == "" {
		return nil, refuse(http.StatusBadRequest, "A status is required")
	}
	delete(c.body, "label_ids") // validated for their type and then ignored
	return s.changeAPI(c, func(row apiRow) apiRow {
		row.Status = status
		return row
	})
}

func (s *Server) changeAPI(c *call, change func(apiRow) apiRow) (any, error) {
	var out apiView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := checkLabels(t, c.body.ids("label_ids", nil)); err != nil {
			return err
		}
		row, err := item(t.apis, c.id, "Exposed API")
		if err != nil {
			return err
		}
		old := row
		if row = change(row); row.differs(old) {
			row.Changed = s.now().UnixMicro()
			if err := touch(t, old.pair(), row.Changed); err != nil {
				return err
			}
			if err := touch(t, row.pair(), row.Changed); err != nil {
				return err
			}
		}
		if err := t.apis.replace(row); err != nil {
			return err
		}
		s.wrote(c, apiWrite(row))
		out, err = newViewer(t).api(row)
		return err
	})
	return out, err
}

func (s *Server) deleteAPI(c *call) (any, error) {
	return nil, s.store.update(c.ctx, func(t *tables) error {
		row, err := item(t.apis, c.id, "Exposed API")
		if err != nil {
			return err
		}
		if err := t.apis.remove(row.ID); err != nil {
			return err
		}
		if err := touch(t, row.pair(), s.now().UnixMicro()); err != nil {
			return err
		}
		s.wrote(c, apiWrite(row))
		return nil
	})
}

// differs looks at what a client can set.
func (r apiRow) differs(from apiRow) bool {
	given := func(text *string) string {
		if text == nil {
			return ""
		}
		return *text
	}
	return r.pair() != from.pair() || r.Name != from.Name || r.URL != from.URL || r.Status != from.Status ||
		given(r.Specification) != given(from.Specification) || !slices.Equal(r.LabelIDs, from.LabelIDs)
}

func apiWrite(row apiRow) Write {
	return Write{Kind: KindAPI, Registry: row.Registry, Component: row.Component, API: row.Name, ID: row.ID}
}
