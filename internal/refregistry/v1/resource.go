package v1

import "net/http"

// resource is what the operations on rows of one kind have in common. V is the
// shape in which an answer shows a row.
type resource[R Row[R], V any] struct {
	service *Service
	name    string // as a 404 has it
	table   func(*Tables) Table[R]
	view    func(*viewer, R) V
	write   func(R) Write
}

// item returns the row of the call's id, or the 404 that names its kind.
func (r resource[R, V]) item(t *Tables, c *call) (R, *failure) {
	row, ok := r.table(t).Get(c.id)
	if !ok {
		return row, fail(http.StatusNotFound, "%s not found", r.name)
	}
	return row, nil
}

// list answers with a page of the selected rows.
func (r resource[R, V]) list(selected func(*call) Selection) operation {
	return func(c *call) (any, *failure) {
		var out []V
		r.service.store.View(func(t *Tables) {
			rows := r.table(t).Page(selected(c), c.skip, c.limit)
			out = make([]V, 0, len(rows))
			v := newViewer(t)
			for _, row := range rows {
				out = append(out, r.view(v, row))
			}
		})
		return out, nil
	}
}

func (r resource[R, V]) get(c *call) (out any, failed *failure) {
	r.service.store.View(func(t *Tables) {
		var row R
		if row, failed = r.item(t, c); failed == nil {
			out = r.view(newViewer(t), row)
		}
	})
	return out, failed
}

// create inserts the row unless check, which comes before the labels, fails.
// written sees the row with its id; nil for nothing to do then.
func (r resource[R, V]) create(c *call, row R, check func(*Tables) *failure, written func(*Tables, R)) (out any, failed *failure) {
	r.service.store.Update(func(t *Tables) {
		if failed = check(t); failed != nil {
			return
		}
		if failed = checkLabels(t, c); failed != nil {
			return
		}
		row = r.table(t).Insert(row)
		if written != nil {
			written(t, row)
		}
		r.service.wrote(c, r.write(row))
		out = r.view(newBareViewer(t), row)
	})
	return out, failed
}

// update replaces the row by what change makes of it.
func (r resource[R, V]) update(c *call, change func(*Tables, R) (R, *failure)) (out any, failed *failure) {
	r.service.store.Update(func(t *Tables) {
		if failed = checkLabels(t, c); failed != nil {
			return
		}
		var row R
		if row, failed = r.item(t, c); failed != nil {
			return
		}
		if row, failed = change(t, row); failed != nil {
			return
		}
		r.table(t).Replace(row)
		r.service.wrote(c, r.write(row))
		out = r.view(newViewer(t), row)
	})
	return out, failed
}

// remove leaves behind what refers to the row: v1 does not cascade.
func (r resource[R, V]) remove(c *call) (any, *failure) { return r.removeAnd(c, func(*Tables, R) {}) }

func (r resource[R, V]) removeAnd(c *call, removed func(*Tables, R)) (_ any, failed *failure) {
	r.service.store.Update(func(t *Tables) {
		var row R
		if row, failed = r.item(t, c); failed != nil {
			return
		}
		r.table(t).Remove(c.id)
		removed(t, row)
		r.service.wrote(c, r.write(row))
	})
	return nil, failed
}

func everything(*call) Selection { return Selection{} }
