package v1

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// maxRounds bounds how often an apply reads again and starts over because the registry changed underneath.
const maxRounds = 3

// V1 is the adapter to the registry with integer ids. It implements syncer.Registry.
type Adapter struct {
	cfg    registry.Config
	client *registry.Client
	index  *index
	labels *labels
	log    zerolog.Logger
}

var (
	_ target.Registry = (*Adapter)(nil)
	_ target.Probe    = (*Adapter)(nil)
)

// NewV1 expects a configuration that has passed Validate. It sends nothing: the registry is read at first use.
func New(cfg registry.Config, metrics *registry.Metrics, log zerolog.Logger) *Adapter {
	c := registry.NewClient(cfg, "v1", metrics, log)
	return &Adapter{cfg: cfg, client: c, index: newIndex(cfg.Name, cfg.Address()), labels: &labels{}, log: log}
}

// Close gives up idle connections. Call it when no request is under way any more.
func (v *Adapter) Close() { v.client.Close() }

// Apply implements syncer.Registry.
func (v *Adapter) Apply(ctx context.Context, key component.Key, content *component.Component, prior target.Previous) (target.Result, error) {
	want, leftOut := desire(v.cfg, key, content)
	if len(leftOut) > 0 {
		v.log.Debug().Stringer("component", key).Strs("apis", leftOut).Msg("APIs without an address are not registered yet")
	}
	a := &apply{Adapter: v, Session: &registry.Session{Client: v.client}, key: key, want: want, record: prior.Ref, doubt: prior.InDoubt}
	err := v.rounds(ctx, a.Session, a.round)
	if err == nil {
		a.record.Digest = digest(v.cfg, want)
	}
	return a.Result(a.record), err
}

// Delete implements syncer.Registry. What stands under the recorded name goes, and what stands under the name of the
// present configuration, should an apply under that name have ended before it was recorded.
func (v *Adapter) Delete(ctx context.Context, key component.Key, prior target.Previous) (target.Result, error) {
	s := &registry.Session{Client: v.client}
	places := []place{{registry: v.cfg.Name, name: v.cfg.EntryName(key)}}
	if recorded := recordedPlace(prior.Ref); recorded.known() {
		if recorded.same(places[0]) {
			places = places[:0]
		}
		places = append(places, recorded)
	}
	for _, at := range places {
		r := &removal{Adapter: v, Session: s, key: key, at: at, doubt: prior.InDoubt}
		if err := v.rounds(ctx, s, r.round); err != nil {
			return s.Result(prior.Ref), err
		}
	}
	return s.Result(target.Ref{}), nil
}

// place is where a component stands or stood. ID is 0 where it is not known.
type place struct {
	registry, name string
	id             int64
}

func (p place) known() bool           { return p.registry != "" && p.name != "" }
func (p place) same(other place) bool { return p.registry == other.registry && p.name == other.name }
func (p place) holder() holder        { return holder{p.registry, p.name} }

// recordedPlace reads a record. An id that is no number is another adapter's: the name still holds.
func recordedPlace(r target.Ref) place {
	id, err := strconv.ParseInt(r.ID, 10, 64)
	if err != nil {
		id = 0
	}
	return place{registry: r.Registry, name: r.Name, id: id}
}

// marks is the moment from which on what is known is too old to explain what a round met.
type marks struct{ registries, components, apis, labels uint64 }

func (v *Adapter) marks() marks {
	return marks{v.index.registries.mark(), v.index.in(v.cfg.Name).mark(), v.index.apis.mark(), v.labels.ids.mark()}
}

// load reads everything that has not been read since the marks. The zero marks ask for what was never read. The registry
// entry comes last: as long as its creation is not known, no answer that carries it is taken for granted, so nobody relies
// on ids that another caller is just reading again. What it creates is shared by all components: the requests count as the
// caller's, the writes do not, since its component is not changed by them.
func (v *Adapter) load(ctx context.Context, s *registry.Session, since marks) error {
	defer s.Uncount()()
	if err := v.labels.reload(ctx, s, since.labels); err != nil {
		return err
	}
	if err := v.index.reloadComponents(ctx, s, v.cfg.Name, since.components); err != nil {
		return err
	}
	if err := v.index.reloadAPIs(ctx, s, since.apis); err != nil {
		return err
	}
	return v.index.reloadRegistry(ctx, s, since.registries)
}

// redo is the error of a round that found the registry other than it is known to be.
type redo struct {
	failure *target.Failure
	// reread is what to read again before the next round.
	reread reread
	// creation is a creation of the registry entry that no listing had shown.
	creation *wireRegistry
}

type reread int

const (
	rereadNothing reread = iota
	rereadComponents
	rereadAll
)

func (r *redo) Error() string { return r.failure.Error() }

// rounds runs a round until it succeeds or fails for good, and at most maxRounds times. A round is told under which
// creations of the registry entry it begins: what it uses may have been read again by others before it ends.
func (v *Adapter) rounds(ctx context.Context, s *registry.Session, round func(context.Context, creations) error) error {
	var again *redo
	for range maxRounds {
		if err := v.load(ctx, s, marks{}); err != nil {
			return err
		}
		since, known := v.marks(), creations(v.index.registries.all())
		err := round(ctx, known)
		if !errors.As(err, &again) {
			return err
		}
		tracing.Log(ctx, v.log.Debug()).Err(again.failure).Msg("the registry changed underneath, reading again")
		switch again.reread {
		case rereadComponents:
			err = v.index.reloadComponents(ctx, s, v.cfg.Name, since.components)
		case rereadAll:
			err = v.load(ctx, s, since)
		default:
			err = nil
		}
		if err != nil {
			return err
		}
		if c := again.creation; c != nil {
			// The listing may have missed it. It must not ask for another reading at the next sight.
			v.index.registries.put(creation{c.ID, c.CreatedAt}, true)
		}
	}
	return again.failure
}

// find reads the entry that stands at a place, or returns nil. Only ids that may be its own are tried: the given one, and
// the one in the index. An id is believed only when the entry behind it has the name.
func (v *Adapter) find(ctx context.Context, s *registry.Session, at place) (*wireComponent, error) {
	components := v.index.in(at.registry)
	candidates := []int64{at.id}
	if id, ok := components.get(fingerprint.Of(at.name)); ok && id != at.id {
		candidates = append(candidates, id)
	}
	for _, id := range candidates {
		if id == 0 {
			continue
		}
		var found wireComponent
		err := s.Do(ctx, registry.Request{Method: http.MethodGet, Path: pathComponent, ID: id}, &found)
		switch {
		case err == nil && found.RegistryName == at.registry && found.Name == at.name:
			found.ID = id
			components.put(fingerprint.Of(at.name), id)
			return &found, nil
		case err != nil && !registry.IsConflict(err):
			return nil, err
		}
	}
	return nil, nil
}
