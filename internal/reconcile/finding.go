package reconcile

import (
	"odasync/internal/component"
	"odasync/internal/target"
)

// Problems of findings.
const (
	problemMissing        = "missing"
	problemDifferent      = "different"
	problemOverwritten    = "overwritten"
	problemUnacknowledged = "unacknowledged"
	problemFailed         = "failed" // and tried again
	problemOrphan         = "orphan"
)

// finding is a component whose entry is not as it should be.
type finding struct {
	key      component.Key
	problem  string
	ref      target.Ref // of its entry, if there is one
	nameFree bool       // the listing shows no entry with the component's name
}

// plan is the result of a comparison.
type plan struct {
	// repairs are components to create or update, lateRepairs those that need an orphan in their place deleted first.
	repairs, lateRepairs []finding
	// contested are entries that another program writes over again and again: they are left as they are for a while.
	contested []finding
	// orphans are entries to delete, unlisted those of namespaces that the last full sync could not list.
	orphans, unlisted []finding
	// expired are states of deleted components whose tombstones were purged from the stream.
	expired []target.State
	// complete means that a full sync of the cluster has ended: a component without messages does not exist.
	complete bool
}

// maxFindings bounds the findings of a result.
const maxFindings = 100

func addFinding(done *target.Reconciliation, f finding, outcome string) {
	if len(done.Findings) < maxFindings {
		done.Findings = append(done.Findings, target.Finding{Component: f.key.String(), Problem: f.problem, Outcome: outcome})
	}
}

func addFindings(done *target.Reconciliation, findings []finding, outcome string) {
	for _, f := range findings {
		addFinding(done, f, outcome)
	}
}
