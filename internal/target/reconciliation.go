package target

import (
	"time"

	"odasync/internal/prune"
)

// Reconciliation is the result of a reconcile: JSON for ctl, whose fields are added to and never changed.
type Reconciliation struct {
	// ID is that of the cluster's newest snapshot marker; empty if there is none that the syncer can rely on: without one, orphans are
	// kept.
	ID      string    `json:"id"`
	Cluster string    `json:"cluster"`
	Target  string    `json:"target"`
	Time    time.Time `json:"time"` // of its start
	Seconds float64   `json:"seconds"`
	// Compared is the part of Seconds that the comparison took.
	Compared float64 `json:"compared"`
	// DryRun means that nothing was changed.
	DryRun bool `json:"dryRun"`
	// Desired counts the components of the stream, Entries the entries of odasync in the registry.
	Desired int `json:"desired"`
	Entries int `json:"entries"`
	// Pending components wait for their messages, Failed ones have a dead letter.
	Pending int `json:"pending"`
	Failed  int `json:"failed"`
	// Missing and Different components had no entry or another one. The newest message of Unacknowledged ones has no outcome,
	// which was lost. Orphans are entries without a component.
	Missing        int `json:"missing"`
	Unacknowledged int `json:"unacknowledged"`
	Different      int `json:"different"`
	Orphans        int `json:"orphans"`
	// Overwritten components had an entry that another program had written over. After a few repairs in a row they are left as
	// they are for a while.
	Overwritten int `json:"overwritten"`
	// Drifted counts the reconciles in a row, with this one, that found missing, different or overwritten components.
	Drifted int `json:"drifted"`
	// Repaired and Deleted entries were changed; Unrepaired ones failed and will be tried again.
	Repaired   int `json:"repaired"`
	Deleted    int `json:"deleted"`
	Unrepaired int `json:"unrepaired"`
	// PendingDeletion are the deletions that wait for an approval; null for none.
	PendingDeletion *prune.PendingDeletion `json:"pendingDeletion"`
	// Findings are the first differences.
	Findings []Finding `json:"findings"`
	// Error is why the reconcile failed; empty if it did not.
	Error string `json:"error"`
}

// FindingPending is the outcome of an orphan whose deletion waits for an approval.
const FindingPending = "pending approval"

// Finding is one difference.
type Finding struct {
	Component string `json:"component"` // cluster/namespace/name
	Problem   string `json:"problem"`   // missing, different, overwritten, unacknowledged, failed or orphan
	// Outcome is repaired, deleted, kept, pending approval, left to the other program, or an error; empty in a dry run.
	Outcome string `json:"outcome"`
}
