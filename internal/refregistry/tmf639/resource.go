package tmf639

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// list pages first and filters the page then; a friendly service does it the
// other way round.
func (s *Service) list(c *call) (*answer, *failure) {
	p, failed := parsePage(c.query)
	if failed != nil {
		return nil, failed
	}
	offset, limit := p.offset, p.limit
	if s.cfg.Friendly && p.filter != "" {
		offset, limit = 0, -1
	}
	var (
		body         = []byte{'['}
		count, total int
		broken       bool
	)
	s.store.view(func() {
		rows := s.store.page(offset, limit)
		count, total = len(rows), len(s.store.order)
		for i, r := range rows {
			broken = broken || r.broken && !p.short
			if i > 0 {
				body = append(body, ',')
			}
			body = r.appendForm(body, p.short, c.base)
		}
	})
	body = append(body, ']')
	if broken {
		return nil, uncaught()
	}
	if p.filter != "" {
		found, failed := filter(p.filter, body)
		if failed != nil {
			return nil, failed
		}
		if s.cfg.Friendly {
			found = cut(found, p.offset, p.limit)
		}
		body, count = pyjson.Append(nil, found), len(found)
	}
	return &answer{http.StatusOK, map[string]string{
		"x-total-count":  strconv.Itoa(total),
		"x-result-count": strconv.Itoa(count),
	}, body}, nil
}

func (s *Service) get(c *call) (*answer, *failure) {
	var (
		body   []byte
		failed *failure
	)
	s.store.view(func() {
		r := s.find(c.id)
		switch {
		case r == nil:
			failed = notFound("Resource", c.id)
		case r.broken && !isShort(c.query):
			failed = uncaught()
		default:
			body = r.appendForm(nil, isShort(c.query), c.base)
		}
	})
	return ok(body), failed
}

func (s *Service) create(c *call) (*answer, *failure) {
	if failed := validate(c.body); failed != nil {
		return nil, failed
	}
	id := c.body.Text("id")
	if id == "" {
		id = newID()
	}
	var (
		body   []byte
		failed *failure
	)
	s.store.update(func() {
		if s.store.byID[id] != nil {
			failed = fail(http.StatusConflict, "Resource with id %s already exists", id)
			return
		}
		body, failed = s.wrote(c, s.store.insert(id, c.body, s.cfg.Now(), s.find))
	})
	if failed != nil {
		return nil, failed
	}
	s.notify(c.ctx, resourceCreated, id, body)
	return created(body), nil
}

// patch replaces the document and keeps its links, whatever the body says.
func (s *Service) patch(c *call) (*answer, *failure) {
	var (
		id     string
		body   []byte
		failed *failure
	)
	s.store.update(func() {
		r := s.find(c.id)
		if r == nil {
			failed = notFound("Resource", c.id)
			return
		}
		id = r.id
		r.fill(c.body.Without("id", "href"), s.cfg.Now())
		body, failed = s.wrote(c, r)
	})
	if failed != nil {
		return nil, failed
	}
	s.notify(c.ctx, resourceChanged, id, body)
	return ok(body), nil
}

func (s *Service) remove(c *call) (*answer, *failure) {
	return gone(), s.delete(c, c.id)
}

func (s *Service) delete(c *call, id string) *failure {
	var r *row
	s.store.update(func() {
		if r = s.find(id); r != nil {
			s.store.remove(r)
			s.record(c, r.id)
		}
	})
	if r == nil {
		return notFound("Resource", id)
	}
	s.notify(c.ctx, resourceDeleted, r.id, []byte("{}"))
	return nil
}

// wrote records a write and returns the stored document, which cannot be
// returned if it is broken: the write has taken effect all the same.
func (s *Service) wrote(c *call, r *row) ([]byte, *failure) {
	s.record(c, r.id)
	if r.broken {
		return nil, uncaught()
	}
	return r.appendDocument(nil, c.base), nil
}

func (s *Service) record(c *call, id string) {
	s.cfg.Record(c.ctx, Write{Method: c.method, ID: id, Body: c.raw})
}

// find looks for a document, and on a friendly service also for the bare name
// of one of its own.
func (s *Service) find(id string) *row {
	r := s.store.byID[id]
	if r == nil && s.cfg.Friendly && !strings.Contains(id, ":") {
		return s.store.byID["self:"+id]
	}
	return r
}

func (r *row) appendForm(dst []byte, short bool, base string) []byte {
	if short {
		return r.appendShort(dst, base)
	}
	return r.appendDocument(dst, base)
}

// newID makes a UUID of version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
