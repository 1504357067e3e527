package v1

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// creation tells one creation of a registry entry from another: after the registry lost its database, the id is the same
// and the time is not.
type creation struct {
	id int64
	at string
}

// holder is an entry that has exposed APIs, whether or not the component itself exists.
type holder struct{ registry, name string }

func (h holder) print() fingerprint.Print { return fingerprint.Of(h) }

// index is where things stand in the registry: which component names exist under which id, and which have APIs.
type index struct {
	registry string // the configured one
	url      string

	// registries holds the creations of the configured registry: one, or more where two replicas created it at once.
	registries table[creation, bool]
	// apis holds the fingerprints of holders that have APIs.
	apis table[fingerprint.Print, bool]
	// unsteady says that the last listing of the APIs may have missed some.
	unsteady atomic.Bool

	mu sync.Mutex
	// components are tables of ids by the name's fingerprint, one for each registry that was asked for.
	components map[string]*table[fingerprint.Print, int64]
}

func newIndex(registry, url string) *index {
	return &index{registry: registry, url: url, components: map[string]*table[fingerprint.Print, int64]{}}
}

// in returns the components of a registry; it may not be loaded.
func (ix *index) in(registry string) *table[fingerprint.Print, int64] {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	t, ok := ix.components[registry]
	if !ok {
		t = &table[fingerprint.Print, int64]{}
		ix.components[registry] = t
	}
	return t
}

// reloadRegistry finds the configured registry, or creates it.
func (ix *index) reloadRegistry(ctx context.Context, s *registry.Session, mark uint64) error {
	return ix.registries.reload(ctx, mark, func() (map[creation]bool, error) {
		found, err := ix.findRegistry(ctx, s)
		if err != nil || len(found) > 0 {
			return found, err
		}
		create := registryCreate{Name: ix.registry, Type: "self", URL: ix.url, LabelIDs: []int64{}}
		err = s.Do(ctx, registry.Request{Method: http.MethodPost, Path: pathRegistries, Body: create}, nil)
		if err != nil && !registry.IsConflict(err) { // moved: another replica was faster
			return nil, registry.Misconfigured(registry.About(err, "create the registry entry "+ix.registry))
		}
		return ix.findRegistry(ctx, s)
	})
}

func (ix *index) findRegistry(ctx context.Context, s *registry.Session) (creations, error) {
	var found creations
	_, err := registry.List(ctx, s, pathRegistries, nil, func(row *wireRegistry) int64 { return row.ID }, registry.Rows[wireRegistry]{
		Begin: func() { found = creations{} },
		Row: func(row *wireRegistry) {
			if row.Name == ix.registry {
				found[creation{row.ID, row.CreatedAt}] = true
			}
		},
	})
	return found, err
}

// creations are the creations of the registry entry under which everything else that is known was read.
type creations map[creation]bool

// include says whether the registry entry that an answer carries is one of them. An answer without one tells nothing.
func (c creations) include(row *wireRegistry) bool {
	return row == nil || c[creation{row.ID, row.CreatedAt}]
}

// reloadComponents reads the names and ids. also is shown the rows; it sees none where another's reading was used.
func (ix *index) reloadComponents(ctx context.Context, s *registry.Session, of string, mark uint64, also ...registry.Rows[wireComponent]) error {
	return ix.in(of).reload(ctx, mark, func() (ids map[fingerprint.Print]int64, err error) {
		filter := url.Values{"registry_name": {of}}
		_, err = registry.List(ctx, s, pathComponents, filter, func(row *wireComponent) int64 { return row.ID }, append(also, registry.Rows[wireComponent]{
			Begin: func() { ids = map[fingerprint.Print]int64{} },
			Row:   func(row *wireComponent) { ids[fingerprint.Of(row.Name)] = row.ID },
		})...)
		return ids, err
	})
}

// reloadAPIs reads which entries have APIs. The registry has no filter for that: all APIs come, of all registries. also is
// as for reloadComponents.
func (ix *index) reloadAPIs(ctx context.Context, s *registry.Session, mark uint64, also ...registry.Rows[wireAPI]) error {
	return ix.apis.reload(ctx, mark, func() (holders map[fingerprint.Print]bool, err error) {
		steady, err := registry.List(ctx, s, pathAPIs, nil, func(row *wireAPI) int64 { return row.ID }, append(also, registry.Rows[wireAPI]{
			Begin: func() { holders = map[fingerprint.Print]bool{} },
			Row:   func(row *wireAPI) { holders[holder{row.RegistryName, row.ComponentName}.print()] = true },
		})...)
		if err == nil {
			ix.unsteady.Store(!steady)
		}
		return holders, err
	})
}

// mayHaveAPIs is false only where it is certain that the registry shows no API for the entry.
func (ix *index) mayHaveAPIs(of holder) bool {
	_, has := ix.apis.get(of.print())
	return has || ix.unsteady.Load()
}

// readAPIs reads the APIs that the registry shows for an entry, leftovers of an earlier one of that name included.
func readAPIs(ctx context.Context, s *registry.Session, of holder) ([]wireAPI, error) {
	filter := url.Values{"registry_name": {of.registry}, "component_name": {of.name}}
	rows, steady, err := registry.Collect(ctx, s, pathAPIs, filter, func(row *wireAPI) int64 { return row.ID })
	if err != nil {
		return nil, err
	}
	if !steady {
		return nil, registry.Conflict("GET "+pathAPIs, "the APIs of "+of.name+" change while they are read")
	}
	// These may be deleted or changed: a filter that did not work must not reach another component's.
	own := rows[:0]
	for _, row := range rows {
		if row.RegistryName == of.registry && row.ComponentName == of.name {
			own = append(own, row)
		}
	}
	return own, nil
}
