package ops

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Set by the linker; see the Makefile.
var (
	version = "dev"
	commit  = "unknown"
)

// Version is the release of the program, such as 0.1.0.
func Version() string { return version }

// BuildInfo returns version, commit and Go version in one line.
func BuildInfo() string { return fmt.Sprintf("%s (commit %s, %s)", version, commit, runtime.Version()) }

// RegisterBuildInfo registers odasync_build_info, which is always 1.
func RegisterBuildInfo(registry prometheus.Registerer) {
	promauto.With(registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "odasync_build_info", Help: "The program's version, always 1.",
	}, []string{"version", "commit", "goversion"}).WithLabelValues(version, commit, runtime.Version()).Set(1)
}
