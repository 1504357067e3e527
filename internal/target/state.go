package target

import (
	"time"

	"odasync/internal/component"
)

// Outcome is how the newest event of a component ended in a target.
type Outcome string

// The outcomes. An entry without one holds an intent only.
const (
	OutcomeApplied Outcome = "applied"
	OutcomeDeleted Outcome = "deleted"
	OutcomeFailed  Outcome = "failed"
)

// Record is what a target's registry is known to hold for a component, as the adapter told. The zero Record means
// that nothing is known to stand there.
type Ref struct {
	// Registry and Name are the names under which the component stands there.
	Registry string `json:"registry,omitempty"`
	Name     string `json:"name,omitempty"`
	// ID is the registry's own id of the component's entry.
	ID string `json:"id,omitempty"`
	// Digest is over all that the entry shows, in the adapter's own way; empty where that is not known.
	Digest string `json:"digest,omitempty"`
}

// State is the sync state of one component in one target: JSON in the KV bucket. The entries of a target together
// are the inventory of what this system owns there.
type State struct {
	Key component.Key `json:"-"`
	// Sequence is the newest stream sequence whose outcome this is; 0 where there is none yet.
	Sequence uint64  `json:"sequence,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
	// Hash is the content of the outcome: what the registry shows, or did not take. Empty when deleted or not known.
	Hash string `json:"hash,omitempty"`
	Ref  Ref    `json:"ref,omitzero"`
	// Intent is the sequence for which writing began and whose end is not recorded; 0 for none. What the registry
	// holds is in doubt while it stands: read before writing.
	Intent uint64 `json:"intent,omitempty"`
	// Owner is the session of the process that works on the component; empty while none does.
	Owner string `json:"owner,omitempty"`
	// Error is the reason of a failed outcome, in the registry's words, and Reason its class.
	Error  string `json:"error,omitempty"`
	Reason Class  `json:"reason,omitempty"`
	// Attempts counts how often the newest event was tried, and Strikes how often of these it alone failed.
	Attempts            int `json:"attempts,omitempty"`
	ConsecutiveFailures int `json:"consecutiveFailures,omitempty"`
	// FailedSince is when the first of the failures came that no success has followed; zero for none.
	FailedSince time.Time `json:"failedSince,omitzero"`
	// Letter says that a dead letter of the component is stored.
	DeadLetter bool      `json:"deadLetter,omitempty"`
	Updated    time.Time `json:"updated"`
	// Revision is the entry's revision for compare-and-set; 0 where there is no entry.
	Revision uint64 `json:"-"`
}
