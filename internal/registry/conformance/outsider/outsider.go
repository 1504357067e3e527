package outsider

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/registry"
)

// Outsider is another program of a registry. It is not safe for concurrent use.
type Outsider interface {
	// Documents returns what exists under an entry's name, in every place whose name begins like the outsider's: first the
	// APIs, then the components, as a deletion has to go.
	Documents(ctx context.Context, name string) ([]Document, error)
	// All returns everything in these places, in the same order.
	All(ctx context.Context) ([]Document, error)
	// Delete deletes a document; one that is gone is success.
	Delete(ctx context.Context, d Document) error
	// Sweep deletes what was created there beside documents.
	Sweep(ctx context.Context) error
	// Adoptable creates the entry that an older collector writes for the component: without APIs and without an owner.
	Adoptable(ctx context.Context, key component.Key) error
	// Overwrite writes over the component's document as a program that knows nothing of owners.
	Overwrite(ctx context.Context, key component.Key) error
	Limits() Limits
	// Close closes idle connections.
	Close()
}

// Document is a component or an API in the registry.
type Document struct {
	Kind Kind
	ID   string
	// Body is the whole content as the registry returns it.
	Body string
}

// Kind is what a document describes.
type Kind string

// The kinds.
const (
	Component Kind = "component"
	API       Kind = "API"
)

// Limits are what a registry's API accepts.
type Limits struct {
	// Name and API are the longest names of a component and an API, in characters.
	Name, API int
	// Enforced means that the registry rejects a longer name.
	Enforced bool
	// Page is the number of entries, with an API each, in the adapter's largest page.
	Page int
}

// New returns the outsider of a registry. The configuration has the API, and as the name and the prefix of entries the one
// that the names of all places begin with.
func New(cfg registry.Config) Outsider {
	if cfg.API == registry.APITMF639 {
		return &TMF639{newRaw(cfg)}
	}
	return &V1{newRaw(cfg)}
}

// raw sends requests.
type raw struct {
	*registry.Client
	name string
}

// rawTimeout limits a request where the configuration leaves it to the adapter: it is above what any adapter waits.
const rawTimeout = 40 * time.Second

func newRaw(cfg registry.Config) raw {
	if cfg.Timeout == 0 {
		cfg.Timeout = config.Duration(rawTimeout)
	}
	cfg.MaxConnections = 1 // it sends one request after the other
	return raw{registry.NewClient(cfg, cfg.API, registry.NewMetrics(prometheus.NewRegistry()), zerolog.Nop()), cfg.Name}
}
