package registry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts and times the requests to the registry.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// noAnswer is the status of a request that brought none.
const noAnswer = "error"

// NewMetrics registers the metrics. The counters exist from the start with the status of success and with "error",
// which stands for no answer at all.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oda_collector_registry_api_calls_total",
			Help: "Requests to the Component Registry by method, path template and HTTP status.",
		}, []string{"method", "endpoint", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "odasync_registry_request_duration_seconds",
			Help:    "Time from a request to the end of its answer, by method and path template.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "endpoint"}),
	}
	registerer.MustRegister(m.calls, m.duration)
	success := map[string]string{
		http.MethodGet: "200", http.MethodPost: "201", http.MethodPut: "200", http.MethodPatch: "200", http.MethodDelete: "204",
	}
	for _, known := range []struct{ method, endpoint string }{
		{http.MethodGet, pathHealth},
		{http.MethodGet, pathRegistries},
		{http.MethodPost, pathRegistries},
		{http.MethodGet, pathRegistry},
		{http.MethodPut, pathRegistry},
		{http.MethodGet, pathLabels},
		{http.MethodPost, pathLabels},
		{http.MethodGet, pathComponents},
		{http.MethodPost, pathComponents},
		{http.MethodGet, pathComponent},
		{http.MethodPut, pathComponent},
		{http.MethodDelete, pathComponent},
		{http.MethodGet, pathAPIs},
		{http.MethodPost, pathAPIs},
		{http.MethodPut, pathAPI},
		{http.MethodDelete, pathAPI},
		{http.MethodPatch, pathAPIStatus},
	} {
		m.calls.WithLabelValues(known.method, known.endpoint, success[known.method])
		m.calls.WithLabelValues(known.method, known.endpoint, noAnswer)
		m.duration.WithLabelValues(known.method, known.endpoint)
	}
	return m
}
