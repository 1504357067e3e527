package v1

import "net/http"

var labelFields = []field{
	{name: "key", required: true, min: 1, max: 100},
	{name: "value", required: true, min: 1, max: 200},
}

// labelIDs is the field of everything that carries labels.
var labelIDs = field{name: "label_ids", kind: integers}

func (s *Service) labels() resource[LabelRow, LabelRow] {
	return resource[LabelRow, LabelRow]{
		service: s, name: "Label",
		table: func(t *Tables) Table[LabelRow] { return t.Labels },
		view:  func(_ *viewer, row LabelRow) LabelRow { return row },
		write: func(row LabelRow) Write { return Write{Kind: KindLabel, ID: row.ID} },
	}
}

func (s *Service) createLabel(c *call) (any, *failure) {
	row := LabelRow{Key: c.body.text("key", ""), Value: c.body.text("value", ""), CreatedAt: timestamp(c.now)}
	return s.labels().create(c, row, func(t *Tables) *failure {
		if _, taken := t.Labels.Find(row.Pair()); taken {
			return fail(http.StatusBadRequest, "Label %s=%s already exists", row.Key, row.Value)
		}
		return nil
	}, nil)
}

// updateLabel does not check that the pair is free: v1 does not either.
func (s *Service) updateLabel(c *call) (any, *failure) {
	return s.labels().update(c, func(_ *Tables, row LabelRow) (LabelRow, *failure) {
		row.Key = c.body.text("key", row.Key)
		row.Value = c.body.text("value", row.Value)
		return row, nil
	})
}

// checkLabels fails for the id of a label that does not exist.
func checkLabels(t *Tables, c *call) *failure {
	for _, id := range c.body.ids("label_ids", nil) {
		if _, ok := t.Labels.Get(id); !ok {
			return fail(http.StatusBadRequest, "Label %d not found", id)
		}
	}
	return nil
}
