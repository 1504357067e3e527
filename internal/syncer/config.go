package syncer

import (
	"errors"
	"fmt"
	"time"

	"odasync/internal/config"
)

// Config is the configuration of a [Syncer].
type Config struct {
	// Target names the registry that is written. A syncer with another target writes another registry.
	Target string `env:"SYNC_TARGET, default=default" help:"name of the registry that is written; another one for each registry"`
	// Clusters are those whose components are written to the registry; empty for all.
	Clusters []string `env:"SYNC_CLUSTERS" help:"clusters whose components are written to this registry, separated by commas; empty for all"`
	// Concurrency is the number of components that one replica writes to the registry at a time.
	Concurrency int `env:"SYNC_CONCURRENCY, default=16" help:"components that one syncer writes to the registry at a time, 1 to 1024"`
	// Batch is the number of messages that wait in the process besides those that are being applied.
	Batch int `env:"BATCH_SIZE, default=100" help:"messages that one syncer fetches ahead, 1 to 1000"`
	// Tries and Pause are for a registry that does not answer; after that the message is requeued.
	Tries int             `env:"COMPONENT_REGISTRY_RETRY_ATTEMPTS, default=3" help:"attempts to reach the registry before a message is requeued, 1 to 100"`
	Pause config.Duration `env:"COMPONENT_REGISTRY_RETRY_DELAY, default=5" help:"pause between these attempts: seconds, or a duration such as 500ms"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	if c.Target == "" || len(c.Target) > 100 {
		problems = append(problems, fmt.Errorf("SYNC_TARGET is %q: 1 to 100 characters, another for each registry", c.Target))
	}
	for _, cluster := range c.Clusters {
		if cluster == "" || len(cluster) > 100 {
			problems = append(problems, fmt.Errorf("SYNC_CLUSTERS names %q: each has 1 to 100 characters, as CLUSTER_NAME of its watcher", cluster))
		}
	}
	if c.Concurrency < 1 || c.Concurrency > 1024 {
		problems = append(problems, fmt.Errorf("SYNC_CONCURRENCY is %d: 1 to 1024", c.Concurrency))
	}
	if c.Batch < 1 || c.Batch > 1000 {
		problems = append(problems, fmt.Errorf("BATCH_SIZE is %d: 1 to 1000", c.Batch))
	}
	if c.Tries < 1 || c.Tries > 100 {
		problems = append(problems, fmt.Errorf("COMPONENT_REGISTRY_RETRY_ATTEMPTS is %d: 1 to 100", c.Tries))
	}
	if c.Pause < 0 || time.Duration(c.Pause) > time.Hour {
		problems = append(problems, fmt.Errorf("COMPONENT_REGISTRY_RETRY_DELAY is %s: 0 to 1h", c.Pause))
	}
	return errors.Join(problems...)
}
