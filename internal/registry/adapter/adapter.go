package adapter

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639"
	v1 "odasync/internal/registry/v1"
	"odasync/internal/target"
)

// Adapter is a registry of any API. It is safe for concurrent use.
type Adapter interface {
	target.Registry
	target.Probe
	// Inventory calls each with every entry under the configured name or prefix. An entry may be missing, or be passed twice,
	// while the registry changes; after an error the listing is incomplete.
	Inventory(ctx context.Context, cluster string, each func(target.Entry)) error
	// Place returns the reference of a component's entry, without its id.
	Place(key component.Key) target.Ref
	// Contract reads what an apply would read, and reports where the service does not answer like a registry of the API. It
	// changes nothing. Rejected credentials are a [*target.Failure] with status 401 or 403.
	Contract(ctx context.Context) error
	// Actual reads all that odasync may have written. It changes nothing.
	Actual(ctx context.Context) (registry.Actual, error)
	// ActualOf reads what exists under the component's name; the reference of its sync state may save a search. It changes nothing.
	ActualOf(ctx context.Context, key component.Key, ref target.Ref) (registry.Actual, error)
	// API returns the name of the API, as in COMPONENT_REGISTRY_API.
	API() string
	// Connections returns how many requests can be in flight: more work than that waits for a connection.
	Connections() int
	// Close closes idle connections. Call it once no request is in flight.
	Close()
}

// Open returns the adapter for a configuration that passed Validate. With the API auto it asks the service what it is, and
// logs that once. It registers the metrics of the requests once it succeeds.
func Open(ctx context.Context, cfg registry.Config, registerer prometheus.Registerer, log zerolog.Logger) (Adapter, error) {
	if cfg.API == registry.APIAuto {
		found, err := Recognise(ctx, cfg)
		if err != nil {
			return nil, err
		}
		cfg.API = found.API
		if err := cfg.Validate(); err != nil { // the API has limits of its own
			return nil, err
		}
		log.Info().Str("api", found.API).Str("version", found.Version).Str("name", found.Name).Msg("registry recognised")
	}
	if cfg.API == registry.APITMF639 {
		return tmf639.New(cfg, tmf639.NewMetrics(registerer), log), nil
	}
	return v1.New(cfg, v1.NewMetrics(registerer), log), nil
}
