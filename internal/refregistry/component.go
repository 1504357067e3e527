package refregistry

import (
	"math"
	"net/http"
	"slices"
)

var componentFields = []field{
	{name: "registry_name", required: true, min: 1, max: 100},
	{name: "name", required: true, min: 1, max: 100},
	labelIDs,
}

func pickComponents(t *tables) table[componentRow] { return t.components }

func (s *Server) listComponents(c *call) (any, error) {
	return list(s, c, selection{first: c.last("registry_name")}, pickComponents, (*viewer).component)
}

func (s *Server) getComponent(c *call) (any, error) {
	var out componentView
	err := s.store.view(c.ctx, func(t *tables) error {
		row, err := item(t.components, c.id, "Component")
		if err != nil {
			return err
		}
		out, err = newViewer(t).component(row)
		return err
	})
	return out, err
}

func (s *Server) createComponent(c *call) (any, error) {
	now := s.now()
	row := componentRow{
		Registry: c.body.text("registry_name", ""), Name: c.body.text("name", ""),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(now), Changed: now.UnixMicro(),
	}
	var out componentView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := knownRegistry(t, row.Registry); err != nil {
			return err
		}
		exists, err := has(t.components, row.pair())
		if err != nil {
			return err
		}
		if exists {
			return refuse(http.StatusBadRequest, "Component %s already exists in registry %s", row.Name, row.Registry)
		}
		if err := checkLabels(t, row.LabelIDs); err != nil {
			return err
		}
		row, err := t.components.insert(row)
		if err != nil {
			return err
		}
		s.wrote(c, componentWrite(row))
		out, err = newBareViewer(t).component(row)
		return err
	})
	return out, err
}

// updateComponent checks neither that the registry exists nor that the name is
// free, and leaves exposed APIs under the old names.
func (s *Server) updateComponent(c *call) (any, error) {
	var out componentView
	err := s.store.update(c.ctx, func(t *tables) error {
		if err := checkLabels(t, c.body.ids("label_ids", nil)); err != nil {
			return err
		}
		row, err := item(t.components, c.id, "Component")
		if err != nil {
			return err
		}
		old := row
		row.Registry = c.body.text("registry_name", row.Registry)
		row.Name = c.body.text("name", row.Name)
		row.LabelIDs = c.body.ids("label_ids", row.LabelIDs)
		if row.differs(old) {
			row.Changed = s.now().UnixMicro()
		}
		if err := t.components.replace(row); err != nil {
			return err
		}
		s.wrote(c, componentWrite(row))
		out, err = newViewer(t).component(row)
		return err
	})
	return out, err
}

// deleteComponent leaves the component's exposed APIs behind.
func (s *Server) deleteComponent(c *call) (any, error) {
	return nil, s.store.update(c.ctx, func(t *tables) error {
		row, err := item(t.components, c.id, "Component")
		if err != nil {
			return err
		}
		if err := t.components.remove(row.ID); err != nil {
			return err
		}
		s.wrote(c, componentWrite(row))
		return nil
	})
}

// touch dates the components that a pair names: an API of theirs has changed.
func touch(t *tables, of pair, changed int64) error {
	rows, err := t.components.page(selection{first: of.first, second: of.second}, 0, math.MaxInt)
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.Changed = changed
		if err := t.components.replace(row); err != nil {
			return err
		}
	}
	return nil
}

// differs looks at what a client can set.
func (r componentRow) differs(from componentRow) bool {
	return r.pair() != from.pair() || !slices.Equal(r.LabelIDs, from.LabelIDs)
}

func componentWrite(row componentRow) Write {
	return Write{Kind: KindComponent, Registry: row.Registry, Component: row.Name, ID: row.ID}
}
