package ops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config configures the monitoring endpoints and the log.
type Config struct {
	Monitoring bool `env:"MONITORING_ENABLED, default=true" help:"serve metrics and health: true or false"`
	// Host is the address to listen on; empty means every address, as a pod needs it.
	Host     string `env:"MONITORING_HOST" help:"address to serve them on; empty for every address"`
	Port     int    `env:"MONITORING_PORT, default=8080" help:"port to serve them on, 0 for any free one"`
	Endpoint string `env:"MONITORING_ENDPOINT, default=/metrics" help:"path of the metrics"`
	TLSCert  string `env:"MONITORING_TLS_CERT" help:"file with a certificate to serve them over HTTPS; read again when it changes"`
	TLSKey   string `env:"MONITORING_TLS_KEY" help:"file with that certificate's key"`
	Profiles bool   `env:"MONITORING_PPROF, default=false" help:"serve Go's profiles too, under /debug/pprof: true or false"`

	LogLevel  string `env:"LOG_LEVEL, default=INFO" help:"DEBUG, INFO, WARNING, ERROR or CRITICAL"`
	LogFormat string `env:"LOG_FORMAT, default=console" help:"console or json"`
	// Repeats keeps a burst of lines from filling a disk. Errors are never left out.
	Repeats int `env:"LOG_REPEATS, default=100" help:"lines of one message that are logged in a second, except errors; the number of the others is logged; 0 for no limit"`
}

// paths are those of the other endpoints.
var paths = []string{"/livez", "/readyz", "/healthz", levelPath}

// Validate reports every problem at once.
func (c Config) Validate() error {
	problems := []error{checkLevel(c.LogLevel)}
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("MONITORING_PORT is %d: 0 (any free port) to 65535", c.Port))
	}
	if !strings.HasPrefix(c.Endpoint, "/") || strings.ContainsAny(c.Endpoint, " {}?#") || slices.Contains(paths, c.Endpoint) || strings.HasPrefix(c.Endpoint, profilesPath) {
		problems = append(problems, fmt.Errorf("MONITORING_ENDPOINT is %q: a path such as /metrics other than those of health, /loglevel and /debug/pprof", c.Endpoint))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems = append(problems, errors.New("MONITORING_TLS_CERT and MONITORING_TLS_KEY are half set: give both files or none"))
	}
	if c.LogFormat != "console" && c.LogFormat != "json" {
		problems = append(problems, fmt.Errorf("LOG_FORMAT is %q: console or json", c.LogFormat))
	}
	if c.Repeats < 0 {
		problems = append(problems, fmt.Errorf("LOG_REPEATS is %d: 0 (no limit) or a number of lines a second", c.Repeats))
	}
	return errors.Join(problems...)
}
