package v1

import (
	"context"
	"sync"
	"sync/atomic"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/registry/cache"
)

// idCache holds the ids of one collection of the registry by the fingerprint of what identifies a row.
//
// A cached id may be wrong at any time, also because a registry that lost its database assigns its ids anew: an id may then
// lead to nothing or to another row, and rows exist that the cache lacks. Therefore no caller writes to an id before it has
// read the row behind it and recognised it. A row that the cache lacks is created without a search where the registry rejects
// a second one: labels, components and registry entries. APIs, of which it accepts any number, are created unread only for a
// component that this process has just created and of whose name a steady list had none.
//
// A caller notices a wrong entry by the registry's answer: a status 404 or 409, a row with another name, or a registry entry
// that was created at another time. See [cache.Cache.Refresh] for what follows.
type idCache = cache.Cache[fingerprint.Print, int64]

// content is what the adapter knows of the registry's content, in one cache for each collection.
type content struct {
	cfg registry.Config
	// clock orders the readings of all collections: its time is the number of readings that have begun.
	clock   atomic.Uint64
	flights cache.Flights
	// labels holds the labels, by their content.
	labels *idCache
	// apis holds the entries that have APIs, also those whose component is gone. The ids are 0.
	apis *idCache
	// registries holds the registry entries of the configured name, by their creation: one, or more where two replicas
	// created it at the same time.
	registries *idCache

	mu sync.Mutex
	// components holds the components by their entry's name, in a cache for each registry entry that was asked for.
	components map[string]*idCache
}

func newContent(cfg registry.Config) *content {
	c := &content{cfg: cfg, components: map[string]*idCache{}}
	c.labels, c.apis, c.registries = c.cache("labels"), c.cache("apis"), c.cache("registries")
	return c
}

func (c *content) cache(name string) *idCache {
	return cache.New[fingerprint.Print, int64](name, &c.clock, &c.flights)
}

// in returns the components of a registry entry; they may not have been read.
func (c *content) in(entry string) *idCache {
	c.mu.Lock()
	defer c.mu.Unlock()
	components, ok := c.components[entry]
	if !ok {
		components = c.cache("components/" + entry)
		c.components[entry] = components
	}
	return components
}

// refresh makes all collections come from readings that began after the given time; time 0 accepts any reading. The
// registry entries come last: a creation that is not among them starts an attempt over, so no caller relies on ids of which
// a reading is in progress.
func (c *content) refresh(ctx context.Context, s *registry.Session, after uint64) error {
	if err := c.refreshLabels(ctx, s, after); err != nil {
		return err
	}
	if err := c.refreshComponents(ctx, s, c.cfg.Name, after); err != nil {
		return err
	}
	if err := c.refreshAPIs(ctx, s, after); err != nil {
		return err
	}
	return c.refreshRegistry(ctx, s, after)
}

func (c *content) refreshLabels(ctx context.Context, s *registry.Session, after uint64) error {
	return c.labels.Refresh(ctx, after, func() (map[fingerprint.Print]int64, bool, error) {
		// Of a pair that exists twice, either id will do.
		return readIDs(ctx, s, labelPages, func(row *wireLabel) (fingerprint.Print, int64) { return pair{row.Key, row.Value}.print(), row.ID })
	})
}

// refreshComponents passes the rows to also, unless another caller's reading is used.
func (c *content) refreshComponents(ctx context.Context, s *registry.Session, entry string, after uint64, also ...registry.Rows[wireComponent]) error {
	return c.in(entry).Refresh(ctx, after, func() (map[fingerprint.Print]int64, bool, error) {
		return readIDs(ctx, s, componentPages.Where("registry_name", entry), func(row *wireComponent) (fingerprint.Print, int64) {
			return fingerprint.Of(row.Name), row.ID
		}, also...)
	})
}

// refreshAPIs passes the rows to also, unless another caller's reading is used. The registry has no filter for the APIs of
// one registry entry: those of all are read.
func (c *content) refreshAPIs(ctx context.Context, s *registry.Session, after uint64, also ...registry.Rows[wireAPI]) error {
	return c.apis.Refresh(ctx, after, func() (map[fingerprint.Print]int64, bool, error) {
		return readIDs(ctx, s, apiPages, func(row *wireAPI) (fingerprint.Print, int64) {
			return name{row.RegistryName, row.ComponentName}.print(), 0
		}, also...)
	})
}

// readIDs reads a collection for a cache.
func readIDs[T any](
	ctx context.Context, s *registry.Session, pages registry.Pages[T], of func(*T) (fingerprint.Print, int64), also ...registry.Rows[T],
) (ids map[fingerprint.Print]int64, steady bool, err error) {
	steady, err = pages.Read(ctx, s, append(also, registry.Rows[T]{
		Begin: func() { ids = map[fingerprint.Print]int64{} },
		Row: func(row *T) {
			key, id := of(row)
			ids[key] = id
		},
	})...)
	return ids, steady, err
}

// refreshRegistry finds the configured registry entry, or creates it.
func (c *content) refreshRegistry(ctx context.Context, s *registry.Session, after uint64) error {
	return c.registries.Refresh(ctx, after, func() (map[fingerprint.Print]int64, bool, error) {
		found, steady, err := c.findRegistry(ctx, s)
		if err != nil || len(found) > 0 {
			return found, steady, err
		}
		create := registryCreate{Name: c.cfg.Name, Type: "self", URL: c.cfg.Address(), LabelIDs: []int64{}}
		err = s.DoShared(ctx, post(pathRegistries, create), nil)
		if err != nil && !registry.IsConflict(err) { // in a conflict another replica was faster
			return nil, false, registry.Misconfigured(registry.About(err, "create the registry entry "+c.cfg.Name))
		}
		return c.findRegistry(ctx, s)
	})
}

func (c *content) findRegistry(ctx context.Context, s *registry.Session) (found creations, steady bool, err error) {
	steady, err = registryPages.Read(ctx, s, registry.Rows[wireRegistry]{
		Begin: func() { found = creations{} },
		Row: func(row *wireRegistry) {
			if row.Name == c.cfg.Name {
				found[row.creation()] = row.ID
			}
		},
	})
	return found, steady, err
}

// creations are the ids of registry entries by the fingerprint of their creation. After the registry lost its database, a
// new entry may have the id of the old one, but not its time.
type creations map[fingerprint.Print]int64

func (r *wireRegistry) creation() fingerprint.Print {
	return fingerprint.Of(struct {
		id int64
		at string
	}{r.ID, r.CreatedAt})
}

// include reports whether the registry entry in an answer is one of them. An answer without one proves nothing.
func (c creations) include(row *wireRegistry) bool {
	if row == nil {
		return true
	}
	_, known := c[row.creation()]
	return known
}

// readAPIs reads the APIs under an entry's name, including those that an earlier entry of that name has left.
func readAPIs(ctx context.Context, s *registry.Session, of name) ([]wireAPI, error) {
	rows, steady, err := apiPages.Where("registry_name", of.registry, "component_name", of.component).Collect(ctx, s)
	if err != nil {
		return nil, err
	}
	if !steady {
		return nil, registry.Conflict("GET "+pathAPIs, "the APIs of "+of.component+" change while they are read")
	}
	// They may be deleted or changed: a registry that ignores the filter must not make this reach another component's.
	own := rows[:0]
	for _, row := range rows {
		if row.RegistryName == of.registry && row.ComponentName == of.component {
			own = append(own, row)
		}
	}
	return own, nil
}
