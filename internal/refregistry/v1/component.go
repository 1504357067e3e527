package v1

import (
	"math"
	"net/http"
	"slices"
	"time"
)

var componentFields = []field{
	{name: "registry_name", required: true, min: 1, max: 100},
	{name: "name", required: true, min: 1, max: 100},
	labelIDs,
}

// components are deleted without their exposed APIs.
func (s *Service) components() resource[ComponentRow, componentView] {
	return resource[ComponentRow, componentView]{
		service: s, name: "Component",
		table: func(t *Tables) Table[ComponentRow] { return t.Components },
		view:  (*viewer).component,
		write: func(row ComponentRow) Write {
			return Write{Kind: KindComponent, Registry: row.Registry, Component: row.Name, ID: row.ID}
		},
	}
}

func ofRegistry(c *call) Selection { return Selection{First: c.last("registry_name")} }

func (s *Service) createComponent(c *call) (any, *failure) {
	row := ComponentRow{
		Registry: c.body.text("registry_name", ""), Name: c.body.text("name", ""),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(c.now), Changed: c.now,
	}
	return s.components().create(c, row, func(t *Tables) *failure {
		if failed := knownRegistry(t, row.Registry); failed != nil {
			return failed
		}
		if _, taken := t.Components.Find(row.Pair()); taken {
			return fail(http.StatusBadRequest, "Component %s already exists in registry %s", row.Name, row.Registry)
		}
		return nil
	}, nil)
}

// updateComponent checks neither that the registry exists nor that the name is
// free, and leaves exposed APIs under the old names.
func (s *Service) updateComponent(c *call) (any, *failure) {
	return s.components().update(c, func(_ *Tables, row ComponentRow) (ComponentRow, *failure) {
		old := row
		row.Registry = c.body.text("registry_name", row.Registry)
		row.Name = c.body.text("name", row.Name)
		row.LabelIDs = c.body.ids("label_ids", row.LabelIDs)
		if row.Pair() != old.Pair() || !slices.Equal(row.LabelIDs, old.LabelIDs) {
			row.Changed = c.now
		}
		return row, nil
	})
}

// touch dates the components of the pair: one of their APIs has changed.
func touch(t *Tables, pair Pair, changed time.Time) {
	for _, row := range t.Components.Page(Selection{First: pair.First, Second: pair.Second}, 0, math.MaxInt) {
		row.Changed = changed
		t.Components.Replace(row)
	}
}
