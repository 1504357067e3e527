package v1

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// maxAttempts bounds how often an operation starts over because the registry's content changed underneath.
const maxAttempts = 3

// defaults are above any sensible number of concurrent applies, so that none waits for a connection.
var defaults = registry.Defaults{Timeout: 30 * time.Second, Connections: 256, Segments: []component.Segment{component.SegmentCore}}

// Adapter writes components to a registry with the v1 API.
type Adapter struct {
	cfg     registry.Config
	client  *registry.Client
	content *content
	log     zerolog.Logger
}

var (
	_ target.Registry = (*Adapter)(nil)
	_ target.Probe    = (*Adapter)(nil)
)

// New expects a configuration that passed Validate. It sends no request: the registry is read at first use.
func New(cfg registry.Config, metrics *registry.Metrics, log zerolog.Logger) *Adapter {
	cfg = cfg.WithDefaults(defaults)
	return &Adapter{cfg: cfg, client: registry.NewClient(cfg, registry.APIV1, metrics, log), content: newContent(cfg), log: log}
}

// API returns the name of the API.
func (a *Adapter) API() string { return registry.APIV1 }

// Connections returns how many requests can be in flight.
func (a *Adapter) Connections() int { return a.client.Connections() }

// Close closes idle connections. Call it once no request is in flight.
func (a *Adapter) Close() { a.client.Close() }

// Apply implements [target.Registry].
func (a *Adapter) Apply(ctx context.Context, key component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	want, omitted := desire(a.cfg, key, c)
	if len(omitted) > 0 {
		a.log.Debug().Stringer("component", key).Strs("apis", omitted).Msg("APIs without an address are not registered yet")
	}
	op := &apply{Adapter: a, Session: a.client.NewSession(), key: key, want: want, ref: previous.Ref, inDoubt: previous.InDoubt || previous.Verify}
	err := a.attempt(ctx, op.Session, op.attempt)
	if err == nil {
		op.ref.Digest = digest(a.cfg, want)
	}
	result := op.Result(op.ref)
	result.Created = op.created != 0
	if op.overwritten {
		result.Overwritten = 1
	}
	return result, err
}

// Delete implements [target.Registry]. It removes the entry of the recorded name, and that of the name by the present
// configuration: an apply under that name may have ended before it was recorded.
func (a *Adapter) Delete(ctx context.Context, key component.Key, previous target.Previous) (target.Result, error) {
	s := a.client.NewSession()
	places := []place{{name: a.nameOf(key)}}
	if recorded, ok := placeOf(previous.Ref); ok {
		if recorded.name == places[0].name {
			places = places[:0]
		}
		places = append(places, recorded)
	}
	for _, at := range places {
		op := &removal{Adapter: a, Session: s, key: key, at: at, inDoubt: previous.InDoubt || previous.Verify}
		if err := a.attempt(ctx, s, op.attempt); err != nil {
			return s.Result(previous.Ref), err
		}
	}
	return s.Result(target.Ref{}), nil
}

// name identifies a component's entry: the registry entry that it belongs to, and its own name there.
type name struct{ registry, component string }

func (n name) print() fingerprint.Print { return fingerprint.Of(n) }

func (a *Adapter) nameOf(key component.Key) name { return name{a.cfg.Name, a.cfg.EntryName(key)} }

// place is an entry's name and, where it is known, its id.
type place struct {
	name
	id int64
}

// placeOf reads a reference. An id that is not a number is another adapter's; the name is valid all the same.
func placeOf(ref target.Ref) (at place, ok bool) {
	id, err := strconv.ParseInt(ref.ID, 10, 64)
	if err != nil {
		id = 0
	}
	return place{name{ref.Registry, ref.Name}, id}, ref.Registry != "" && ref.Name != ""
}

// staleError ends an attempt that met other content than the caches have.
type staleError struct {
	failure *target.Failure
	// refresh reads again what was wrong, unless it has been read after the given time; nil where nothing has to be read.
	refresh func(ctx context.Context, s *registry.Session, after uint64) error
}

func (e *staleError) Error() string { return e.failure.Error() }

// stale makes a failure start the operation over.
func stale(err error, refresh func(context.Context, *registry.Session, uint64) error) error {
	failure, ok := registry.AsFailure(err)
	if !ok {
		return err
	}
	return &staleError{failure, refresh}
}

// attempt runs an operation until it succeeds, fails for good or has met stale content maxAttempts times. Each attempt gets
// the registry entries that are known at its beginning: an answer that carries another one proves that what the attempt
// used is out of date, even if another caller has refreshed it meanwhile.
func (a *Adapter) attempt(ctx context.Context, s *registry.Session, operation func(context.Context, creations) error) error {
	var outdated *staleError
	for range maxAttempts {
		if err := a.content.refresh(ctx, s, 0); err != nil {
			return err
		}
		began, known := a.content.clock.Load(), creations(a.content.registries.All())
		err := operation(ctx, known)
		if !errors.As(err, &outdated) {
			return err
		}
		tracing.Log(ctx, a.log.Debug()).Err(outdated.failure).Msg("registry content changed, starting over")
		if outdated.refresh == nil {
			continue
		}
		if err := outdated.refresh(ctx, s, began); err != nil {
			return err
		}
	}
	return outdated.failure
}

// find reads the entry at a place, or returns nil. It tries the id of the place and the cached one. Only a row that has the
// name is accepted.
func (a *Adapter) find(ctx context.Context, s *registry.Session, at place) (*wireComponent, error) {
	components, key := a.content.in(at.registry), fingerprint.Of(at.component)
	ids := []int64{at.id}
	if id, ok := components.Get(key); ok && id != at.id {
		ids = append(ids, id)
	}
	for _, id := range ids {
		if id == 0 {
			continue
		}
		var found wireComponent
		err := s.Do(ctx, get(pathComponent, id), &found)
		switch {
		case err == nil && found.RegistryName == at.registry && found.Name == at.component:
			found.ID = id
			components.Put(key, id)
			return &found, nil
		case err != nil && !registry.IsConflict(err):
			return nil, err
		}
	}
	return nil, nil
}
