package refregistry

import (
	"errors"
	"net/http"
)

// Paging, as v1 does it: a caller that names no limit sees 100 rows, and
// nothing tells it that there are more.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (c *call) parsePaging() []problem {
	var problems []problem
	number := func(name string, target *int, low, high int) {
		values := c.query[name]
		if len(values) == 0 {
			return
		}
		loc := []any{"query", name}
		n, ok := parseInteger(values[len(values)-1]) // the last of several counts
		switch {
		case !ok:
			problems = append(problems, notInteger(loc))
		case n < int64(low):
			problems = append(problems, limited(loc, "ensure this value is greater than or equal to %d", "value_error.number.not_ge", low))
		case high > 0 && n > int64(high):
			problems = append(problems, limited(loc, "ensure this value is less than or equal to %d", "value_error.number.not_le", high))
		default:
			*target = int(n)
		}
	}
	number("skip", &c.skip, 0, 0)
	number("limit", &c.limit, 1, maxLimit)
	return problems
}

// last returns a query parameter; of several the last counts.
func (c *call) last(name string) string {
	values := c.query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// item returns a row, or the 404 that names its kind.
func item[R any](t table[R], id int64, kind string) (R, error) {
	row, err := t.get(id)
	if errors.Is(err, errNoRow) {
		return row, refuse(http.StatusNotFound, "%s not found", kind)
	}
	return row, err
}

// has tells whether a table has a row of that pair.
func has[R any](t table[R], p pair) (bool, error) {
	_, err := t.find(p)
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	return err == nil, err
}

// list answers with a page of rows, each shown through a viewer that lives for
// the one transaction.
func list[R, V any](s *Server, c *call, sel selection,
	pick func(*tables) table[R], show func(*viewer, R) (V, error)) (any, error) {
	var out []V
	err := s.store.view(c.ctx, func(t *tables) error {
		rows, err := pick(t).page(sel, c.skip, c.limit)
		if err != nil {
			return err
		}
		out = make([]V, 0, len(rows))
		v := newViewer(t)
		for _, row := range rows {
			shown, err := show(v, row)
			if err != nil {
				return err
			}
			out = append(out, shown)
		}
		return nil
	})
	return out, err
}
