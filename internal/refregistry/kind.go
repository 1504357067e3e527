package refregistry

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
)

// kind is how the rows of one kind stand in the file. The columns are the
// file's; values and targets follow their order, which begins with the id.
type kind[R any] struct {
	table   string
	columns []string
	values  func(R) []any
	targets func(*R) []any
}

func (k kind[R]) selectAll() string {
	return fmt.Sprintf("SELECT %s FROM %s ORDER BY id", strings.Join(k.columns, ", "), k.table)
}

func (k kind[R]) upsert() string {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(k.columns)), ", ")
	return fmt.Sprintf("INSERT OR REPLACE INTO %s (%s) VALUES (%s)", k.table, strings.Join(k.columns, ", "), marks)
}

func (k kind[R]) remove() string { return fmt.Sprintf("DELETE FROM %s WHERE id = ?", k.table) }

var labelKind = kind[labelRow]{
	table:   "labels",
	columns: []string{"id", "key", "value", "created_at"},
	values:  func(r labelRow) []any { return []any{r.ID, r.Key, r.Value, r.CreatedAt} },
	targets: func(r *labelRow) []any { return []any{&r.ID, &r.Key, &r.Value, &r.CreatedAt} },
}

var registryKind = kind[registryRow]{
	table:   "registries",
	columns: []string{"id", "name", "type", "url", "label_ids", "created_at"},
	values: func(r registryRow) []any {
		return []any{r.ID, r.Name, r.Type, r.URL, (*idList)(&r.LabelIDs), r.CreatedAt}
	},
	targets: func(r *registryRow) []any {
		return []any{&r.ID, &r.Name, &r.Type, &r.URL, (*idList)(&r.LabelIDs), &r.CreatedAt}
	},
}

var componentKind = kind[componentRow]{
	table:   "components",
	columns: []string{"id", "registry_name", "name", "label_ids", "created_at", "changed_at"},
	values: func(r componentRow) []any {
		return []any{r.ID, r.Registry, r.Name, (*idList)(&r.LabelIDs), r.CreatedAt, r.Changed}
	},
	targets: func(r *componentRow) []any {
		return []any{&r.ID, &r.Registry, &r.Name, (*idList)(&r.LabelIDs), &r.CreatedAt, &r.Changed}
	},
}

var apiKind = kind[apiRow]{
	table: "exposed_apis",
	columns: []string{"id", "registry_name", "component_name", "name", "url", "oas_specification", "status",
		"label_ids", "created_at", "changed_at"},
	values: func(r apiRow) []any {
		return []any{r.ID, r.Registry, r.Component, r.Name, r.URL, r.Specification, r.Status,
			(*idList)(&r.LabelIDs), r.CreatedAt, r.Changed}
	},
	targets: func(r *apiRow) []any {
		return []any{&r.ID, &r.Registry, &r.Component, &r.Name, &r.URL, &r.Specification, &r.Status,
			(*idList)(&r.LabelIDs), &r.CreatedAt, &r.Changed}
	},
}

// schema is version 1 of the file. Ids that were given are never given again,
// which is what AUTOINCREMENT keeps; label ids are a JSON list, since their
// order and repeats show and they may dangle.
const schema = `
CREATE TABLE labels (
	id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE registries (
	id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, type TEXT NOT NULL, url TEXT NOT NULL,
	label_ids TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE components (
	id INTEGER PRIMARY KEY AUTOINCREMENT, registry_name TEXT NOT NULL, name TEXT NOT NULL,
	label_ids TEXT NOT NULL, created_at TEXT NOT NULL,
	changed_at INTEGER NOT NULL /* microseconds since 1970 */);
CREATE TABLE exposed_apis (
	id INTEGER PRIMARY KEY AUTOINCREMENT, registry_name TEXT NOT NULL, component_name TEXT NOT NULL, name TEXT NOT NULL,
	url TEXT NOT NULL, oas_specification TEXT, status TEXT NOT NULL, label_ids TEXT NOT NULL, created_at TEXT NOT NULL,
	changed_at INTEGER NOT NULL /* microseconds since 1970 */);
`

// idList is a column of label ids.
type idList []int64

// Value implements driver.Valuer.
func (l *idList) Value() (driver.Value, error) {
	if len(*l) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(*l)
	return string(text), err
}

// Scan implements sql.Scanner.
func (l *idList) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("label ids are a %T, not a text", column)
	}
	return json.Unmarshal([]byte(text), l)
}
