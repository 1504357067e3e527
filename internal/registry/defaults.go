package registry

import (
	"time"

	"odasync/internal/component"
	"odasync/internal/config"
)

// Defaults are what an API uses where the configuration leaves it open.
type Defaults struct {
	Timeout     time.Duration
	Connections int
	Segments    []component.Segment
}

// WithDefaults returns the configuration with the values of an API where it has none of its own.
func (c Config) WithDefaults(d Defaults) Config {
	if c.Timeout == 0 {
		c.Timeout = config.Duration(d.Timeout)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = d.Connections
	}
	if len(c.Segments) == 0 {
		c.Segments = d.Segments
	}
	return c
}
