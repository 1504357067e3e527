// Package prune limits the deletions of a comparison: deletions above the limit wait for an approval of exactly these
// components.
//
// # Guarantees
//
//   - The deletion of everything always needs an approval.
//   - An approval is valid for one place and one set of components only.
//
// The tests need only go test.
package prune

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"odasync/internal/component"
)

// Config is the limit, for deletions from a cluster and for orphans in a registry alike.
type Config struct {
	MaxPercent int `env:"ORPHAN_MAX_PERCENT, default=30" help:"limit on deletions by comparison, as a percentage of all components: above it, and if they are 10 or more, deletions wait for ctl approve; the deletion of all components of a cluster always does; 0 to 100"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	if c.MaxPercent < 0 || c.MaxPercent > 100 {
		return fmt.Errorf("ORPHAN_MAX_PERCENT is %d: 0 to 100", c.MaxPercent)
	}
	return nil
}

// minimum is the number of deletions from which on the limit applies.
const minimum = 10

// maxListed bounds the names that a pending deletion lists.
const maxListed = 10

// PendingDeletion describes deletions that wait for an approval.
type PendingDeletion struct {
	// ID identifies these components at this place, or this change of the cluster: its approval approves nothing else.
	ID string `json:"id"`
	// Place is where they would be deleted, such as "cluster default" or "target default, cluster default".
	Place string `json:"place"`
	// ClusterChange is set if nothing is deleted because the Kubernetes cluster is another one than before; the approval accepts
	// that cluster. Gone and Components are the deletions that would follow, if any.
	ClusterChange *ClusterChange `json:"clusterChange,omitempty"`
	// Gone is the number of deletions, All the number of components.
	Gone int `json:"gone"`
	All  int `json:"all"`
	// Components are the first of them, as cluster/namespace/name.
	Components []string  `json:"components"`
	Time       time.Time `json:"time"`
}

// ClusterChange holds the identities of two clusters under one name.
type ClusterChange struct {
	Was string `json:"was"`
	Is  string `json:"is"`
}

// Check returns nil if the deletions need no approval. The deletion of everything always needs one: an empty source looks like
// one that is broken, misconfigured or not mounted.
func (c Config) Check(place string, gone []component.Key, all int) *PendingDeletion {
	tooMany := len(gone) >= minimum && len(gone)*100 > c.MaxPercent*all
	if len(gone) == 0 || len(gone) < all && !tooMany {
		return nil
	}
	return Pending(place, gone, all)
}

// Pending returns the deletions as pending.
func Pending(place string, gone []component.Key, all int) *PendingDeletion {
	gone = slices.Clone(gone)
	slices.SortFunc(gone, component.Key.Compare)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n", place)
	pending := &PendingDeletion{Place: place, Gone: len(gone), All: all, Components: []string{}, Time: time.Now().UTC()}
	for i, key := range gone {
		fmt.Fprintf(hash, "%q %q %q\n", key.Cluster, key.Namespace, key.Name)
		if i < maxListed {
			pending.Components = append(pending.Components, key.String())
		}
	}
	pending.ID = hex.EncodeToString(hash.Sum(nil))[:idLength]
	return pending
}

// Changed returns a pending change of the Kubernetes cluster. Its id is that of the change, whichever components would be
// deleted.
func Changed(place string, change ClusterChange, gone []component.Key, all int) *PendingDeletion {
	pending := Pending(place, gone, all)
	pending.ClusterChange = &change
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\ncluster %q %q\n", place, change.Was, change.Is))
	pending.ID = hex.EncodeToString(sum[:])[:idLength]
	return pending
}

// idLength is the number of hexadecimal digits of an id.
const idLength = 12

func (p *PendingDeletion) Error() string {
	if c := p.ClusterChange; c != nil {
		return fmt.Sprintf("%s: the Kubernetes cluster has changed: it was %s and is %s; nothing is deleted (%d of %d components are missing): "+
			"check the kubeconfig and CLUSTER_NAME, or, if this cluster replaces the other one, run `ctl approve %s`",
			p.Place, c.Was, c.Is, p.Gone, p.All, p.ID)
	}
	return fmt.Sprintf("%s: %d of %d components would be deleted, such as %s: if this is intended, run `ctl approve %s`",
		p.Place, p.Gone, p.All, p.Components[0], p.ID)
}
