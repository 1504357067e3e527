package check

import (
	"context"
	"time"

	"odasync/internal/kube"
	"odasync/internal/natsconn"
	"odasync/internal/registry"
	"odasync/internal/stream"
)

// Config is what is checked.
type Config struct {
	Kube     kube.Config
	Stream   natsconn.Config
	Registry registry.Config
	Cluster  string
	Target   string
	// Client is the name of the connection to NATS.
	Client string
	// Settings are the settings of the stream that the configuration names; the others are the watcher's, and not known.
	Settings stream.Settings
	// Timeout limits each check.
	Timeout time.Duration
}

// Run runs every check. Kubernetes is not needed where the leading watcher reads manifests.
func Run(ctx context.Context, cfg Config) Report {
	r := &run{Config: cfg}
	manifests := r.nats(ctx)
	if !manifests {
		nats := r.checks
		r.checks = nil
		r.kubernetes(ctx)
		r.checks = append(r.checks, nats...)
	}
	r.registry(ctx)
	report := Report{Checks: r.checks}
	report.OK = report.Failures() == 0
	return report
}
