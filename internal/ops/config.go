package ops

import (
	"errors"
	"fmt"
	"strings"
)

// Config is how a daemon is watched.
type Config struct {
	Monitoring bool `env:"MONITORING_ENABLED, default=true" help:"serve metrics and health: true or false"`
	// Host is the address to listen on; empty means every address, as a pod needs it.
	Host      string `env:"MONITORING_HOST" help:"address to serve them on; empty for every address"`
	Port      int    `env:"MONITORING_PORT, default=8080" help:"port to serve them on, 0 for any free one"`
	Endpoint  string `env:"MONITORING_ENDPOINT, default=/metrics" help:"path of the metrics"`
	LogLevel  string `env:"LOG_LEVEL, default=INFO" help:"DEBUG, INFO, WARNING, ERROR or CRITICAL"`
	LogFormat string `env:"LOG_FORMAT, default=console" help:"console or json"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	problems := []error{checkLevel(c.LogLevel)}
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("MONITORING_PORT is %d: 0 (any free port) to 65535", c.Port))
	}
	if !strings.HasPrefix(c.Endpoint, "/") || strings.ContainsAny(c.Endpoint, " {}?#") || c.Endpoint == "/livez" || c.Endpoint == "/readyz" || c.Endpoint == "/healthz" {
		problems = append(problems, fmt.Errorf("MONITORING_ENDPOINT is %q: a path such as /metrics that is not one of the health addresses", c.Endpoint))
	}
	if c.LogFormat != "console" && c.LogFormat != "json" {
		problems = append(problems, fmt.Errorf("LOG_FORMAT is %q: console or json", c.LogFormat))
	}
	return errors.Join(problems...)
}
