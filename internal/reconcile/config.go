package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"odasync/internal/config"
)

// OrphanPolicy selects what happens to orphans: entries of odasync in the registry that the stream does not contain.
type OrphanPolicy string

// The policies.
const (
	OrphansDelete OrphanPolicy = "delete"
	OrphansReport OrphanPolicy = "report"
	OrphansKeep   OrphanPolicy = "keep"
)

// Config is the configuration of a [Reconciler].
type Config struct {
	// Interval is the time between two reconciles of a cluster, whichever replica does them; 0 for none. The watcher reads
	// the same variable.
	Interval config.Duration `env:"SYNC_INTERVAL, default=60" help:"time between two full syncs of the cluster with the stream, and between two reconciles of the registry with the stream, 0 for none: seconds, or a duration such as 5m"`
	// StartsEmpty means that the registry starts with this process and holds nothing: the first reconcile is due at once.
	StartsEmpty bool
	Orphans     OrphanPolicy `env:"ORPHAN_POLICY, default=delete" help:"what happens to entries of odasync in the registry that the stream does not contain: delete, report (count and log), or keep"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	if interval := time.Duration(c.Interval); interval < 0 || interval > 0 && interval < time.Second {
		problems = append(problems, fmt.Errorf("SYNC_INTERVAL is %s: 0 for none, or a second or more", c.Interval))
	}
	if !slices.Contains([]OrphanPolicy{OrphansDelete, OrphansReport, OrphansKeep}, c.Orphans) {
		problems = append(problems, fmt.Errorf("ORPHAN_POLICY is %q: delete, report or keep", c.Orphans))
	}
	return errors.Join(problems...)
}
