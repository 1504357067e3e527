package refregistry

import (
	"context"
	"errors"
	"time"
)

// errNoRow says that a table has no row of the id or pair asked for.
var errNoRow = errors.New("no such row")

// A store keeps the four tables and isolates transactions: view may run beside
// other views, update runs alone. The function given to update checks
// everything before its first write, so a store need not undo for rules' sake;
// a store that can fail rolls back when the function returns an error.
type store interface {
	view(ctx context.Context, fn func(*tables) error) error
	update(ctx context.Context, fn func(*tables) error) error
}

// tables are only valid inside the transaction that they were handed to.
type tables struct {
	labels     table[labelRow]
	registries table[registryRow]
	components table[componentRow]
	apis       table[apiRow]
}

// A table holds the rows of one kind. Rows are values: neither side changes a
// row, or a slice inside it, after handing it over.
type table[R any] interface {
	// insert stores the row under the next id, which it returns with the row.
	insert(row R) (R, error)
	// get returns the row, or errNoRow.
	get(id int64) (R, error)
	// find returns the row with the lowest id among those of one pair, or
	// errNoRow.
	find(p pair) (R, error)
	// replace stores a new version of an existing row.
	replace(row R) error
	remove(id int64) error
	// page skips and limits the selected rows in the table's own stable order.
	page(sel selection, skip, limit int) ([]R, error)
	count() (int, error)
}

// record is what a store must know about a row to index it.
type record[R any] interface {
	rowID() int64
	withID(id int64) R
	pair() pair
	state() string
}

// pair is what rows are looked up by: a label's key and value, a registry's
// name, a component's registry and name, an API's registry and component.
type pair struct{ first, second string }

// selection narrows a page; an empty field does not. A second without a first
// is not used by any caller.
type selection struct{ first, second, state string }

type labelRow struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	ID        int64  `json:"id"`
	CreatedAt string `json:"created_at"`
}

func (r labelRow) rowID() int64             { return r.ID }
func (r labelRow) withID(id int64) labelRow { r.ID = id; return r }
func (r labelRow) pair() pair               { return pair{r.Key, r.Value} }
func (r labelRow) state() string            { return "" }

type registryRow struct {
	ID        int64
	Name      string
	Type      string
	URL       string
	LabelIDs  []int64
	CreatedAt string
}

func (r registryRow) rowID() int64                { return r.ID }
func (r registryRow) withID(id int64) registryRow { r.ID = id; return r }
func (r registryRow) pair() pair                  { return pair{r.Name, ""} }
func (r registryRow) state() string               { return "" }

type componentRow struct {
	ID        int64
	Registry  string
	Name      string
	LabelIDs  []int64
	CreatedAt string
	// Changed is when the component, or an API of its, changed last, in
	// microseconds since 1970. v1 does not show it.
	Changed int64
}

func (r componentRow) rowID() int64                 { return r.ID }
func (r componentRow) withID(id int64) componentRow { r.ID = id; return r }
func (r componentRow) pair() pair                   { return pair{r.Registry, r.Name} }
func (r componentRow) state() string                { return "" }

type apiRow struct {
	ID            int64
	Registry      string
	Component     string
	Name          string
	URL           string
	Specification *string
	Status        string
	LabelIDs      []int64
	CreatedAt     string
	Changed       int64
}

func (r apiRow) rowID() int64           { return r.ID }
func (r apiRow) withID(id int64) apiRow { r.ID = id; return r }
func (r apiRow) pair() pair             { return pair{r.Registry, r.Component} }
func (r apiRow) state() string          { return r.Status }

// timestamp writes a time as v1 does: UTC without a zone, and with
// microseconds unless they are zero.
func timestamp(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04:05.000000")
}
