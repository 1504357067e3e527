package tmf639

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/condition"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// maxAttempts bounds how often a request is tried again because the registry's content changed underneath.
const maxAttempts = 3

// defaults follow from what the registry bears: it blocks for 30 s when 16 requests of all its clients are in flight, and one
// connection already reaches its full speed. A write takes 5 s for each of its subscribers that does not answer.
var defaults = registry.Defaults{Timeout: 40 * time.Second, Connections: 2, Segments: component.Segments()}

// Adapter writes components to a registry with the TMF639 API.
type Adapter struct {
	cfg     registry.Config
	client  *registry.Client
	listing *listing
	// secondWriter is whether another program writes the same documents.
	secondWriter *condition.Condition
	log          zerolog.Logger
}

var (
	_ target.Registry = (*Adapter)(nil)
	_ target.Probe    = (*Adapter)(nil)
)

// New expects a configuration that passed Validate. It sends no request.
func New(cfg registry.Config, metrics *registry.Metrics, log zerolog.Logger) *Adapter {
	cfg = cfg.WithDefaults(defaults)
	return &Adapter{
		cfg: cfg, client: registry.NewClient(cfg, registry.APITMF639, metrics, log), listing: newListing(), log: log,
		secondWriter: condition.New(log, "documents were written over", "no document of another program is left", nil),
	}
}

// API returns the name of the API.
func (a *Adapter) API() string { return registry.APITMF639 }

// Connections returns how many requests can be in flight.
func (a *Adapter) Connections() int { return a.client.Connections() }

// Close closes idle connections. Call it once no request is in flight.
func (a *Adapter) Close() {
	a.listing.close()
	a.client.Close()
}

// errSecondWriter is why a document of odasync's has lost its mark.
var errSecondWriter = errors.New(target.SecondWriter)

// Apply implements [target.Registry].
func (a *Adapter) Apply(ctx context.Context, key component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	op := a.begin(key, previous, document.Desire(a.cfg, key, c))
	err := op.apply(ctx)
	if op.adopted > 0 {
		a.log.Info().Stringer("component", key).Int("documents", op.adopted).Msg("documents of the Canvas's own collector taken over")
	}
	if op.overwritten > 0 {
		a.secondWriter.Set(errSecondWriter)
	}
	ref := op.ref()
	if err != nil {
		ref.Digest = "" // of what is not there as a whole
	}
	result := op.Result(ref)
	result.Created, result.Overwritten = op.created, op.overwritten
	return result, err
}

// Delete implements [target.Registry]. It removes the recorded documents, and those that have the component's mark.
func (a *Adapter) Delete(ctx context.Context, key component.Key, previous target.Previous) (target.Result, error) {
	op := a.begin(key, previous, nil)
	err := op.delete(ctx)
	ref := op.ref()
	ref.Digest = ""
	return op.Result(ref), err
}

func (a *Adapter) begin(key component.Key, previous target.Previous, want []document.Document) *operation {
	recorded := parseParts(previous.Ref.Parts)
	return &operation{
		Adapter: a, Session: a.client.NewSession(), key: key, want: want, component: document.ComponentID(a.cfg, key),
		inDoubt: previous.InDoubt, verify: previous.Verify, recorded: recorded, have: maps.Clone(recorded), suspect: parts{},
	}
}

// Place returns the reference of a component's entry, without its id.
func (a *Adapter) Place(key component.Key) target.Ref {
	return target.Ref{Registry: document.Prefix(a.cfg, key.Cluster), Name: document.EntryName(a.cfg, key)}
}
