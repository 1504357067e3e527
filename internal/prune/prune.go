// Package prune limits deletions that follow from a comparison: those above the limit wait until somebody approves exactly
// these.
package prune

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"odasync/internal/component"
)

// Config is the limit, the same for what vanished from a cluster and for what a registry shows too much.
type Config struct {
	MaxPercent int `env:"ORPHAN_MAX_PERCENT, default=30" help:"deletions by comparison of 10 or more and more than this part of all wait for ctl reconcile --approve, as those of everything in a cluster always do: 0 to 100"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	if c.MaxPercent < 0 || c.MaxPercent > 100 {
		return fmt.Errorf("ORPHAN_MAX_PERCENT is %d: 0 to 100", c.MaxPercent)
	}
	return nil
}

// few deletions are allowed whatever part they are.
const few = 10

// shown is how many names a pending deletion lists.
const shown = 10

// PendingDeletion says which deletions wait for an approval.
type PendingDeletion struct {
	// ID stands for exactly these components at this place, or for exactly this change of the cluster: approving it
	// approves nothing else.
	ID string `json:"id"`
	// Place says where they are missing or too much, such as "cluster default" or "target default".
	Place string `json:"place"`
	// ClusterChange is set where nothing is deleted because the place stands for another cluster than before; approving
	// accepts that cluster. Gone and Components are what would be deleted then, which may be none.
	ClusterChange *ClusterChange `json:"clusterChange,omitempty"`
	// Gone would be deleted of the All that exist.
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

// Check returns nil where the deletions may go ahead without a question, else what has to be approved. That nothing is left
// always has to be, however little there was: an emptied source looks like one that is broken, misconfigured or not mounted.
func (c Config) Check(place string, gone []component.Key, all int) *PendingDeletion {
	tooMany := len(gone) >= few && len(gone)*100 > c.MaxPercent*all
	if len(gone) == 0 || len(gone) < all && !tooMany {
		return nil
	}
	return Pending(place, gone, all)
}

// Pending returns what has to be approved.
func Pending(place string, gone []component.Key, all int) *PendingDeletion {
	gone = slices.Clone(gone)
	slices.SortFunc(gone, component.Key.Compare)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n", place)
	pending := &PendingDeletion{Place: place, Gone: len(gone), All: all, Components: []string{}, Time: time.Now().UTC()}
	for i, key := range gone {
		fmt.Fprintf(hash, "%q %q %q\n", key.Cluster, key.Namespace, key.Name)
		if i < shown {
			pending.Components = append(pending.Components, key.String())
		}
	}
	pending.ID = hex.EncodeToString(hash.Sum(nil))[:idLength]
	return pending
}

// Changed returns what has to be approved where the place stands for another cluster than before. Its id is that of the
// change, whichever components would be deleted.
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
		return fmt.Sprintf("%s: the Kubernetes cluster is another one: it was %s and is %s; nothing is deleted (%d of %d components are missing): "+
			"check the kubeconfig and CLUSTER_NAME, or, if this cluster takes the place of the other, run `ctl reconcile --approve %s`",
			p.Place, c.Was, c.Is, p.Gone, p.All, p.ID)
	}
	return fmt.Sprintf("%s: %d of %d components would be deleted, such as %s: if they are really gone, run `ctl reconcile --approve %s`",
		p.Place, p.Gone, p.All, p.Components[0], p.ID)
}
