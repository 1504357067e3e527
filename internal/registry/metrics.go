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
func NewMetrics(registerer prometheus.Registerer, known ...Request) *Metrics {
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
	for _, r := range known {
		m.calls.WithLabelValues(r.Method, r.Path, success[r.Method])
		m.calls.WithLabelValues(r.Method, r.Path, noAnswer)
		m.duration.WithLabelValues(r.Method, r.Path)
	}
	return m
}
