package target

import (
	"time"

	"odasync/internal/prune"
)

// Reconciliation is what one reconcile found and did. It is JSON for ctl; fields are added, never changed.
type Reconciliation struct {
	// ID is that of the cluster's newest snapshot marker; empty where the stream has none.
	ID      string    `json:"id"`
	Cluster string    `json:"cluster"`
	Target  string    `json:"target"`
	Time    time.Time `json:"time"` // when it began
	Seconds float64   `json:"seconds"`
	// Compared is how many of the seconds the comparison took.
	Compared float64 `json:"compared"`
	// DryRun says that nothing was changed.
	DryRun bool `json:"dryRun"`
	// Desired components should be in the registry; Entries of odasync's are there for the cluster.
	Desired int `json:"desired"`
	Entries int `json:"entries"`
	// Pending components are on their way in the stream, Failed ones have a dead letter.
	Pending int `json:"pending"`
	Failed  int `json:"failed"`
	// Missing and Different components were not as they should be. Of Unsettled ones the outcome was lost, or it is of
	// another message than the stream's newest. Orphans should not be there.
	Missing        int `json:"missing"`
	Unacknowledged int `json:"unacknowledged"`
	Different      int `json:"different"`
	Orphans        int `json:"orphans"`
	// Mended and Deleted entries were changed; Unmended ones could not be, and are tried again.
	Repaired   int `json:"repaired"`
	Deleted    int `json:"deleted"`
	Unrepaired int `json:"unrepaired"`
	// Refused are deletions that wait to be approved; null for none.
	PendingDeletion *prune.PendingDeletion `json:"pendingDeletion"`
	// Findings are the first of what was not right.
	Findings []Finding `json:"findings"`
	// Error says why the reconcile could not be finished; empty where it was.
	Error string `json:"error"`
}

// Finding is one component that was not as it should be.
type Finding struct {
	Component string `json:"component"` // cluster/namespace/name
	Problem   string `json:"problem"`   // missing, different, unsettled, failed or orphan
	// Outcome is mended, deleted, kept, refused, or the reason why not; empty in a dry run.
	Outcome string `json:"outcome"`
}
