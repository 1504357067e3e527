package conformance

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/registry"
)

// outsider does to a registry what other programs and people do, with requests of the registry's API. It knows nothing of the
// adapter, and reaches only what is under the suite's name.
type outsider interface {
	// documents returns what exists under an entry's name, wherever the suite may have put it: first the APIs, then the
	// components, as a deletion has to go.
	documents(ctx context.Context, name string) ([]document, error)
	// all returns everything under the suite's name, in the order of documents.
	all(ctx context.Context) ([]document, error)
	// delete deletes a document; one that is gone is success.
	delete(ctx context.Context, d document) error
	// sweep deletes what the suite has created beside documents.
	sweep(ctx context.Context) error
	// adoptable creates the entry that an older collector writes for the subject: without APIs and without an owner.
	adoptable(ctx context.Context, on *subject) error
	// overwrite writes over the component's document as a program that knows nothing of owners.
	overwrite(ctx context.Context, on *subject) error
	limits() limits
	close()
}

// document is a component or an API in the registry.
type document struct {
	kind kind
	id   string
	// body is the whole content as the registry returns it.
	body string
}

type kind string

const (
	kindComponent kind = "component"
	kindAPI       kind = "api"
)

// limits are what a registry's API accepts.
type limits struct {
	// name and api are the longest names of a component and an API, in characters.
	name, api int
	// enforced means that the registry rejects a longer name.
	enforced bool
	// page is the number of entries in the adapter's largest page.
	page int
}

// newOutsider returns the outsider for an API.
func newOutsider(api string, cfg registry.Config) outsider {
	if api == registry.APITMF639 {
		return &outsiderTMF639{newRaw(api, cfg)}
	}
	return &outsiderV1{newRaw(api, cfg)}
}

// raw sends requests.
type raw struct {
	*registry.Client
	name string // of the suite
}

// rawTimeout limits a request where the configuration leaves it to the adapter: it is above what any adapter waits.
const rawTimeout = 40 * time.Second

func newRaw(api string, cfg registry.Config) raw {
	if cfg.Timeout == 0 {
		cfg.Timeout = config.Duration(rawTimeout)
	}
	cfg.MaxConnections = 1 // it sends one request after the other
	return raw{registry.NewClient(cfg, api, registry.NewMetrics(prometheus.NewRegistry()), zerolog.Nop()), cfg.Name}
}

func (r raw) close() { r.Close() }
