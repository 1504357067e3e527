package tmf639

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// store has the documents in the order of their creation. Its methods do not
// lock: view and update do, for everything that has to happen together.
type store struct {
	mu    sync.RWMutex
	byID  map[string]*row
	order []*row
	last  int64
}

// row is a document. Its slices are not changed once they are in the store.
type row struct {
	number  int64 // of the creation
	id      string
	version any // resourceVersion as the short form has it: a string or nil
	fields  []field
	links   []*link
	// broken is a document that the service stored and cannot write back.
	broken  bool
	changed time.Time // of the content

	referrers map[*link]struct{} // links of any document to this one
}

// field is a stored member of a document with its encoded value.
type field struct {
	name string
	raw  []byte
}

// link is a relationship. Its target is nil when the document is gone, for ever.
type link struct {
	kind   string
	target *row
}

func newStore() *store { return &store{byID: map[string]*row{}} }

func (s *store) view(fn func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fn()
}

func (s *store) update(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// insert stores a new document and its links. A link to an unknown document
// makes a stub of it.
func (s *store) insert(id string, document pyjson.Object, now time.Time, find func(id string) *row) *row {
	r := s.add(id, document.Without("id", "href", relationships), now)
	related, _ := document.Get(relationships)
	items, _ := related.([]any)
	for _, item := range items {
		relationship, _ := item.(pyjson.Object)
		reference, _ := relationship.Get("resource")
		l := &link{kind: relationship.Text("relationshipType")}
		if resource, ok := reference.(pyjson.Object); ok && resource.Text("id") != "" {
			if l.target = find(resource.Text("id")); l.target == nil {
				l.target = s.add(resource.Text("id"), resource.Without("id", "href", relationships), now)
			}
			l.target.referrers[l] = struct{}{}
		}
		r.links = append(r.links, l)
	}
	return r
}

func (s *store) add(id string, content pyjson.Object, now time.Time) *row {
	s.last++
	r := &row{number: s.last, id: id, referrers: map[*link]struct{}{}}
	r.fill(content, now)
	s.byID[id] = r
	s.order = append(s.order, r)
	return r
}

// fill replaces the content; links stay as they are.
func (r *row) fill(content pyjson.Object, now time.Time) {
	fields := make([]field, len(content))
	for i, m := range content {
		fields[i] = field{m.Name, pyjson.Append(nil, m.Value)}
	}
	if r.changed.IsZero() || !slices.EqualFunc(fields, r.fields, field.equal) {
		r.changed = now
	}
	r.fields = fields
	r.broken = !pyjson.Encodable(content)
	r.version = nil
	switch version, _ := content.Get("resourceVersion"); version := version.(type) {
	case string:
		r.version = version
	case pyjson.Number:
		r.version = version.String()
	}
}

func (f field) equal(other field) bool { return f.name == other.name && bytes.Equal(f.raw, other.raw) }

// remove deletes a document and its own links. Those of others to it stay
// behind without a target.
func (s *store) remove(r *row) {
	for _, l := range r.links {
		if l.target != nil {
			delete(l.target.referrers, l)
		}
	}
	for l := range r.referrers {
		l.target = nil
	}
	delete(s.byID, r.id)
	at, _ := slices.BinarySearchFunc(s.order, r.number, func(other *row, number int64) int { return int(other.number - number) })
	s.order = slices.Delete(s.order, at, at+1)
}

// page returns rows in the order of creation.
func (s *store) page(offset, limit int64) []*row {
	return cut(s.order, offset, limit)
}
