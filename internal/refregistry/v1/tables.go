package v1

import "time"

// Store keeps the tables and isolates transactions: View may run beside other
// views, Update runs alone. The function given to Update checks everything
// before its first write, so a store needs no rollback.
type Store interface {
	View(fn func(*Tables))
	Update(fn func(*Tables))
}

// Tables are valid only inside the transaction that they were handed to.
type Tables struct {
	Labels     Table[LabelRow]
	Registries Table[RegistryRow]
	Components Table[ComponentRow]
	APIs       Table[APIRow]
}

// Table holds the rows of one kind. Rows are values: neither side changes a
// row, or a slice inside it, after handing it over.
type Table[R any] interface {
	// Insert stores the row under the next id and returns it with that id.
	Insert(row R) R
	Get(id int64) (R, bool)
	// Find returns the row with the lowest id among those of the pair.
	Find(pair Pair) (R, bool)
	// Replace stores a new version of an existing row.
	Replace(row R)
	Remove(id int64)
	// Page skips and limits the selected rows in the table's own stable order.
	Page(sel Selection, skip, limit int) []R
	Count() int
}

// Row is what a store must know about a row to index it.
type Row[R any] interface {
	RowID() int64
	WithID(id int64) R
	Pair() Pair
	State() string
}

// Pair is what rows are looked up by: a label's key and value, a registry's
// name, a component's registry and name, an API's registry and component.
type Pair struct{ First, Second string }

// Selection narrows a page; an empty field does not. Second is used only
// together with First.
type Selection struct{ First, Second, State string }

// LabelRow is also the body of the answers that show a label.
type LabelRow struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	ID        int64  `json:"id"`
	CreatedAt string `json:"created_at"`
}

func (r LabelRow) RowID() int64             { return r.ID }
func (r LabelRow) WithID(id int64) LabelRow { r.ID = id; return r }
func (r LabelRow) Pair() Pair               { return Pair{r.Key, r.Value} }
func (r LabelRow) State() string            { return "" }

type RegistryRow struct {
	ID        int64
	Name      string
	Type      string
	URL       string
	LabelIDs  []int64
	CreatedAt string
}

func (r RegistryRow) RowID() int64                { return r.ID }
func (r RegistryRow) WithID(id int64) RegistryRow { r.ID = id; return r }
func (r RegistryRow) Pair() Pair                  { return Pair{First: r.Name} }
func (r RegistryRow) State() string               { return "" }

type ComponentRow struct {
	ID        int64
	Registry  string
	Name      string
	LabelIDs  []int64
	CreatedAt string
	// Changed is when the component or one of its APIs last changed. v1 does
	// not show it.
	Changed time.Time
}

func (r ComponentRow) RowID() int64                 { return r.ID }
func (r ComponentRow) WithID(id int64) ComponentRow { r.ID = id; return r }
func (r ComponentRow) Pair() Pair                   { return Pair{r.Registry, r.Name} }
func (r ComponentRow) State() string                { return "" }

type APIRow struct {
	ID            int64
	Registry      string
	Component     string
	Name          string
	URL           string
	Specification *string
	Status        string
	LabelIDs      []int64
	CreatedAt     string
	Changed       time.Time
}

func (r APIRow) RowID() int64           { return r.ID }
func (r APIRow) WithID(id int64) APIRow { r.ID = id; return r }
func (r APIRow) Pair() Pair             { return Pair{r.Registry, r.Component} }
func (r APIRow) State() string          { return r.Status }

// timestamp formats a time as v1 does: UTC without a zone, and with
// microseconds unless they are zero.
func timestamp(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04:05.000000")
}
