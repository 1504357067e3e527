package tmf639

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
)

// The paths of the API. The registry has no path prefix, and a trailing slash is answered with a redirect.
const (
	pathHealth   = "/health"
	pathResource = "/resource/{id}"
)

// NewMetrics registers the metrics of the requests that the adapter sends.
func NewMetrics(registerer prometheus.Registerer) *registry.Metrics {
	return registry.NewMetrics(registerer,
		registry.Request{Method: http.MethodGet, Path: pathHealth},
		registry.Request{Method: http.MethodGet, Path: document.Path},
		registry.Request{Method: http.MethodPost, Path: document.Path},
		registry.Request{Method: http.MethodPatch, Path: pathResource},
		registry.Request{Method: http.MethodDelete, Path: pathResource},
	)
}

func post(d *document.Document) registry.Request {
	return registry.Request{Method: http.MethodPost, Path: document.Path, Body: d}
}

func patch(d *document.Document) registry.Request {
	return registry.Request{Method: http.MethodPatch, Path: pathResource, ID: d.ID, Body: d}
}

func remove(id string) registry.Request {
	return registry.Request{Method: http.MethodDelete, Path: pathResource, ID: id}
}
