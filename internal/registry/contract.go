package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Contract reads one row of each collection, as an apply would, and says where the server does not answer like a v1
// registry. It changes nothing. A refused key shows here as a *syncer.Failure with status 401 or 403.
func (v *V1) Contract(ctx context.Context) error {
	var (
		labels     []wireLabel
		registries []wireRegistry
		components []wireComponent
		apis       []wireAPI
	)
	for _, collection := range []struct {
		path string
		rows any
	}{{pathLabels, &labels}, {pathRegistries, &registries}, {pathComponents, &components}, {pathAPIs, &apis}} {
		one := request{method: http.MethodGet, endpoint: collection.path, query: url.Values{"limit": {"1"}}}
		if err := v.client.do(ctx, one, collection.rows); err != nil {
			return fmt.Errorf("%s: %w", v.cfg.Address(), err)
		}
	}
	return nil
}
