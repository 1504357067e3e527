package tmf639

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/registry/cache"
	"odasync/internal/registry/tmf639/document"
)

const (
	// recently is the age up to which a reading of the listing serves other callers. It is forgotten then.
	recently = 10 * time.Second
	// shortPage and fullPage are the rows of a page. The registry answers nothing else while it puts a page together: 0.2 s for
	// 5,000 short rows, half a second for 500 documents.
	shortPage = 5000
	fullPage  = 500
)

// listing is the registry's short list, which has the id and the resourceVersion of every document. It shows to whom all
// documents belong and what content they have, for a few bytes each.
type listing struct {
	clock   atomic.Uint64
	flights cache.Flights
	rows    *cache.Cache[string, row]

	mu     sync.Mutex
	began  time.Time // of the newest reading, which may be in progress
	tick   uint64    // its time on the clock
	expiry *time.Timer
}

// row is what the listing has under an id.
type row struct {
	version string
	// position is where the list had the document; unknown for one that was written since.
	position int
}

const unknown = -1

func newListing() *listing {
	l := &listing{}
	l.rows = cache.New[string, row]("resources", &l.clock, &l.flights)
	return l
}

// view passes the rows by their ids to look, which must not keep the map. They come from a reading that began after this
// call if fresh is set, else from one that began recently, and include what this process has written since.
func (l *listing) view(ctx context.Context, s *registry.Session, fresh bool, look func(rows map[string]row)) error {
	after := l.clock.Load()
	if !fresh {
		after = l.acceptable(after)
	}
	for {
		err := l.rows.Refresh(ctx, after, func() (map[string]row, bool, error) { return l.read(ctx, s) })
		if err != nil || l.rows.View(after, look) { // else it has expired in between
			return err
		}
	}
}

// acceptable returns the time after which a reading must have begun to be recent enough.
func (l *listing) acceptable(now uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tick > 0 && time.Since(l.began) < recently {
		return l.tick - 1
	}
	return now
}

func (l *listing) read(ctx context.Context, s *registry.Session) (rows map[string]row, steady bool, err error) {
	tick := l.clock.Load()
	l.mu.Lock()
	l.began, l.tick = time.Now(), tick
	l.mu.Unlock()
	steady, err = shortList.Read(ctx, s, registry.Rows[shortRow]{
		Begin: func() { rows = map[string]row{} },
		Row:   func(r *shortRow) { rows[r.ID] = row{document.TextOf(r.Version), len(rows)} },
	})
	if err != nil {
		return nil, false, err
	}
	l.expire(tick)
	return rows, steady, nil
}

// expire forgets the rows of a reading after a while.
func (l *listing) expire(tick uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.expiry != nil {
		l.expiry.Stop()
	}
	l.expiry = time.AfterFunc(recently, func() { l.rows.Clear(tick) })
}

// wrote notes a document that was written.
func (l *listing) wrote(d *document.Document) { l.rows.Put(d.ID, row{d.ResourceVersion, unknown}) }

// removed notes a document that was deleted.
func (l *listing) removed(id string) { l.rows.Delete(id) }

func (l *listing) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.expiry != nil {
		l.expiry.Stop()
	}
}

// shortRow is a document in the short list.
type shortRow struct {
	ID      string         `json:"id"`
	Version jsontext.Value `json:"resourceVersion"`
}

var (
	shortList = registry.Pages[shortRow]{
		Path: document.Path, Query: url.Values{"fields": {"resourceVersion"}}, Offset: "offset", Limit: "limit", Size: shortPage,
		ID: func(r *shortRow) int64 { return hashOf(r.ID) },
	}
	fullList = registry.Pages[document.Stored]{
		Path: document.Path, Offset: "offset", Limit: "limit", Size: fullPage,
		ID: func(d *document.Stored) int64 { return hashOf(d.ID()) },
	}
)

func hashOf(id string) int64 { return int64(fingerprint.Short(id)) }

// find reads one document. The registry may not permit a GET of one, so it is read at its position in the list.
func (l *listing) find(ctx context.Context, s *registry.Session, id string) (found document.Stored, err error) {
	for _, fresh := range []bool{false, true, true} {
		var at row
		var listed bool
		if err := l.view(ctx, s, fresh, func(rows map[string]row) { at, listed = rows[id] }); err != nil {
			return nil, err
		}
		if !listed && fresh {
			return nil, nil
		}
		if !listed || at.position == unknown {
			continue
		}
		found = nil
		err := s.Do(ctx, registry.Request{
			Method: http.MethodGet, Path: document.Path, Query: url.Values{"offset": {strconv.Itoa(at.position)}, "limit": {"1"}},
			Row: func(decoder *jsontext.Decoder) error { return json.UnmarshalDecode(decoder, &found) },
		}, nil)
		if err != nil {
			return nil, err
		}
		if found.ID() == id {
			return found, nil
		}
	}
	return nil, registry.Conflict(http.MethodGet+" "+document.Path, "the documents change while "+id+" is read")
}
