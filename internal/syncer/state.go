package syncer

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
type Record struct {
	// Registry and Name are the names under which the component stands there.
	Registry string `json:"registry,omitempty"`
	Name     string `json:"name,omitempty"`
	// ID is the registry's own id of the component's entry.
	ID string `json:"id,omitempty"`
}

// State is the sync state of one component in one target: JSON in the KV bucket. The entries of a target together
// are the inventory of what this system owns there.
type State struct {
	Key component.Key `json:"-"`
	// Sequence is the newest stream sequence whose outcome this is; 0 where there is none yet.
	Sequence uint64  `json:"sequence,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
	// Hash is the content that the registry shows; empty when deleted or not known.
	Hash   string `json:"hash,omitempty"`
	Record Record `json:"record,omitzero"`
	// Intent is the sequence for which writing began and whose end is not recorded; 0 for none. What the registry
	// holds is in doubt while it stands: read before writing.
	Intent uint64 `json:"intent,omitempty"`
	// Error is the reason of a failed outcome, in the registry's words.
	Error    string    `json:"error,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	Updated  time.Time `json:"updated"`
	// Revision is the entry's revision for compare-and-set; 0 where there is no entry.
	Revision uint64 `json:"-"`
}
