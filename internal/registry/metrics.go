package registry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts and times the requests to the registry.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// noAnswer is the status of a request without an answer.
const noAnswer = "error"

// NewMetrics registers the metrics. Those of the known requests, of which only method and path matter, exist from the
// start, with the status of success and with "error", the status without an answer.
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

func (m *Metrics) observe(r Request, status string, took time.Duration) {
	m.calls.WithLabelValues(r.Method, r.Path, status).Inc()
	m.duration.WithLabelValues(r.Method, r.Path).Observe(took.Seconds())
}
