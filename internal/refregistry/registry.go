package refregistry

import "net/http"

var registryFields = []field{
	{name: "name", required: true, min: 1, max: 100},
	{name: "type", kind: enum, required: true, values: []string{"upstream", "downstream", "self"}},
	{name: "url", required: true, min: 1, max: 500},
	labelIDs,
}

func pickRegistries(t *tables) table[registryRow] { return t.registries }

func (s *Server) listRegistries(c *call) (any, error) {
	return list(s, c, selection{}, pickRegistries, (*viewer).registry)
}

func (s *Server) getRegistry(c *call) (any, error) {
	var out registryView
	err := s.store.view(c.ctx, func(t *tables) error {
		row, err := item(t.registries, c.id, "Registry")
		if err != nil {
			return err
		}
		out, err = newViewer(t).registry(row)
		return err
	})
	return out, err
}

func (s *Server) createRegistry(c *call) (any, error) {
	row := registryRow{
		Name: c.body.text("name", ""), Type: c.body.text("type", ""), URL: c.body.text("url", ""),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(s.now()),
	}
	var out registryView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := freeName(t, row.Name); err != nil {
			return err
		}
		if err := checkLabels(t, row.LabelIDs); err != nil {
			return err
		}
		row, err := t.registries.insert(row)
		if err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindRegistry, Registry: row.Name, ID: row.ID})
		out, err = newBareViewer(t).registry(row)
		return err
	})
	return out, err
}

// updateRegistry leaves components and APIs under the name that they have: a
// rename cuts them off.
func (s *Server) updateRegistry(c *call) (any, error) {
	var out registryView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := checkLabels(t, c.body.ids("label_ids", nil)); err != nil {
			return err
		}
		row, err := item(t.registries, c.id, "Registry")
		if err != nil {
			return err
		}
		if name := c.body.text("name", row.Name); name != row.Name {
			if err := freeName(t, name); err != nil {
				return err
			}
			row.Name = name
		}
		row.Type = c.body.text("type", row.Type)
		row.URL = c.body.text("url", row.URL)
		row.LabelIDs = c.body.ids("label_ids", row.LabelIDs)
		if err := t.registries.replace(row); err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindRegistry, Registry: row.Name, ID: row.ID})
		out, err = newViewer(t).registry(row)
		return err
	})
	return out, err
}

// deleteRegistry leaves the registry's components and APIs behind.
func (s *Server) deleteRegistry(c *call) (any, error) {
	return nil, s.store.update(c.ctx, func(t *tables) error {
		row, err := item(t.registries, c.id, "Registry")
		if err != nil {
			return err
		}
		if err := t.registries.remove(row.ID); err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindRegistry, Registry: row.Name, ID: row.ID})
		return nil
	})
}

func freeName(t *tables, name string) error {
	exists, err := has(t.registries, pair{name, ""})
	if err != nil {
		return err
	}
	if exists {
		return refuse(http.StatusBadRequest, "Registry %s already exists", name)
	}
	return nil
}

// knownRegistry refuses a registry name that no registry has.
func knownRegistry(t *tables, name string) error {
	exists, err := has(t.registries, pair{name, ""})
	if err != nil {
		return err
	}
	if !exists {
		return refuse(http.StatusNotFound, "Registry not found")
	}
	return nil
}
