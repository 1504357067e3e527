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

// Ref is the entry of a component in the registry, as the adapter returned it. The zero Ref means that no entry is known.
type Ref struct {
	// Registry and Name identify the entry.
	Registry string `json:"registry,omitempty"`
	Name     string `json:"name,omitempty"`
	// ID is the registry's id of the entry.
	ID string `json:"id,omitempty"`
	// Digest covers the whole content of the entry, in a format of the adapter; empty if it is not known.
	Digest string `json:"digest,omitempty"`
	// Parts are the documents of the entry with their digests, in a format of the adapter; empty where an entry is one row.
	Parts string `json:"parts,omitempty"`
}

// State is the sync state of one component in one target: JSON in the KV bucket. The states of a target are the inventory of
// the entries that odasync owns there.
type State struct {
	Key component.Key `json:"-"`
	// Sequence is the stream sequence of the newest event with an outcome; 0 if there is none yet.
	Sequence uint64  `json:"sequence,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
	// Hash is that of the content that was applied or failed; empty for deletions, or if it is not known.
	Hash string `json:"hash,omitempty"`
	Ref  Ref    `json:"ref,omitzero"`
	// Intent is the sequence of an apply that began and whose outcome is not recorded; 0 for none. While it is set, the entry is
	// in doubt: read before writing.
	Intent uint64 `json:"intent,omitempty"`
	// Owner is the session of the process that works on the component; empty for none.
	Owner string `json:"owner,omitempty"`
	// Error is the failure of the last attempt, and Reason its class.
	Error  string `json:"error,omitempty"`
	Reason Class  `json:"reason,omitempty"`
	// Attempts counts the attempts to apply the newest event, ConsecutiveFailures those that failed for a reason particular to
	// the component.
	Attempts            int `json:"attempts,omitempty"`
	ConsecutiveFailures int `json:"consecutiveFailures,omitempty"`
	// Recent are attempts of one event, the newest with an attempt: the first one and the last ones.
	Recent []Attempt `json:"recent,omitempty"`
	// Overwritten counts the comparisons in a row that found the entry written over by another program.
	Overwritten int `json:"overwritten,omitempty"`
	// FailedSince is the time of the first failure since the last success; zero for none.
	FailedSince time.Time `json:"failedSince,omitzero"`
	// DeadLetter means that a dead letter of the component is stored.
	DeadLetter bool `json:"deadLetter,omitempty"`
	// Dismissed means that a person dropped the dead letter of the failure. The registry still lacks the component.
	Dismissed bool      `json:"dismissed,omitempty"`
	Updated   time.Time `json:"updated"`
	// Revision is the revision for compare-and-set; 0 if the state is not stored.
	Revision uint64 `json:"-"`
}
