// Package prune holds back deletions that follow from a comparison and are too many to be believed, until somebody
// approves of exactly these.
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
	MaxPercent int `env:"ORPHAN_MAX_PERCENT, default=30" help:"deletions by comparison that are more than this part of all, and 10 or more, wait for ctl reconcile --approve: 0 to 100"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	if c.MaxPercent < 0 || c.MaxPercent > 100 {
		return fmt.Errorf("ORPHAN_MAX_PERCENT is %d: 0 to 100", c.MaxPercent)
	}
	return nil
}

// few deletions are never held back, whatever part they are.
const few = 10

// shown is how many names a refusal lists.
const shown = 10

// PendingDeletion says which deletions are held back.
type PendingDeletion struct {
	// ID stands for exactly these components at this place: approving it approves of no others.
	ID string `json:"id"`
	// Place says where they are missing or too much, such as "cluster default" or "target default".
	Place string `json:"place"`
	// Gone would be deleted of the All that exist.
	Gone int `json:"gone"`
	All  int `json:"all"`
	// Components are the first of them, as cluster/namespace/name.
	Components []string  `json:"components"`
	Time       time.Time `json:"time"`
}

// Check returns nil where the deletions may go ahead without a question, else what has to be approved.
func (c Config) Check(place string, gone []component.Key, all int) *PendingDeletion {
	if !c.TooMany(len(gone), all) {
		return nil
	}
	return Pending(place, gone, all)
}

// TooMany says whether so many deletions are not to be believed.
func (c Config) TooMany(gone, all int) bool { return gone >= few && gone*100 > c.MaxPercent*all }

// Pending returns what has to be approved; gone must not be empty.
func Pending(place string, gone []component.Key, all int) *PendingDeletion {
	gone = slices.Clone(gone)
	slices.SortFunc(gone, component.Key.Compare)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n", place)
	refusal := &PendingDeletion{Place: place, Gone: len(gone), All: all, Components: []string{}, Time: time.Now().UTC()}
	for i, key := range gone {
		fmt.Fprintf(hash, "%q %q %q\n", key.Cluster, key.Namespace, key.Name)
		if i < shown {
			refusal.Components = append(refusal.Components, key.String())
		}
	}
	refusal.ID = hex.EncodeToString(hash.Sum(nil))[:12]
	return refusal
}

func (r *PendingDeletion) Error() string {
	return fmt.Sprintf("%s: %d of %d components would be deleted, such as %s: if they are really gone, run `ctl reconcile --approve %s`",
		r.Place, r.Gone, r.All, r.Components[0], r.ID)
}
