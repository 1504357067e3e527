package refregistry

import (
	"errors"
	"net/http"
)

var labelFields = []field{
	{name: "key", required: true, min: 1, max: 100},
	{name: "value", required: true, min: 1, max: 200},
}

// labelIDs is the field of everything that carries labels.
var labelIDs = field{name: "label_ids", kind: integers}

func pickLabels(t *tables) table[labelRow] { return t.labels }

func (s *Server) listLabels(c *call) (any, error) {
	return list(s, c, selection{}, pickLabels, (*viewer).label)
}

func (s *Server) getLabel(c *call) (any, error) {
	var row labelRow
	err := s.store.view(c.ctx, func(t *tables) (err error) {
		row, err = item(t.labels, c.id, "Label")
		return err
	})
	return row, err
}

func (s *Server) createLabel(c *call) (any, error) {
	row := labelRow{Key: c.body.text("key", ""), Value: c.body.text("value", ""), CreatedAt: timestamp(s.now())}
	err := s.store.update(c.ctx, func(t *tables) error {
		exists, err := has(t.labels, row.pair())
		if err != nil {
			return err
		}
		if exists {
			return refuse(http.StatusBadRequest, "Label %s=%s already exists", row.Key, row.Value)
		}
		row, err = t.labels.insert(row)
		if err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindLabel, ID: row.ID})
		return nil
	})
	return row, err
}

// updateLabel does not check that the pair is free: v1 does not either.
func (s *Server) updateLabel(c *call) (any, error) {
	var row labelRow
	err := s.store.update(c.ctx, func(t *tables) (err error) {
		if row, err = item(t.labels, c.id, "Label"); err != nil {
			return err
		}
		row.Key = c.body.text("key", row.Key)
		row.Value = c.body.text("value", row.Value)
		if err := t.labels.replace(row); err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindLabel, ID: row.ID})
		return nil
	})
	return row, err
}

// deleteLabel leaves the references to the label dangling.
func (s *Server) deleteLabel(c *call) (any, error) {
	return nil, s.store.update(c.ctx, func(t *tables) error {
		if _, err := item(t.labels, c.id, "Label"); err != nil {
			return err
		}
		if err := t.labels.remove(c.id); err != nil {
			return err
		}
		s.wrote(c, Write{Kind: KindLabel, ID: c.id})
		return nil
	})
}

// checkLabels refuses ids of labels that do not exist.
func checkLabels(t *tables, ids []int64) error {
	for _, id := range ids {
		_, err := t.labels.get(id)
		if errors.Is(err, errNoRow) {
			return refuse(http.StatusBadRequest, "Label %d not found", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
