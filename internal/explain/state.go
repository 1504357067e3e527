package explain

import (
	"odasync/internal/event"
	"odasync/internal/target"
)

// The states of a component in a target.
const (
	Synced          = "synced"
	Pending         = "pending"
	Retrying        = "retrying"
	Failed          = "failed"
	Dismissed       = "dismissed"
	Malformed       = "malformed"
	TooLarge        = "too_large"
	PendingApproval = "pending_approval"
	Deleted         = "deleted"
)

// States are all of them but Deleted, in the order in which they are counted.
func States() []string {
	return []string{Synced, Pending, Retrying, Failed, Dismissed, Malformed, TooLarge, PendingApproval}
}

// StateOf is the state in the target of a component with that newest message. The sync state must be the older of the two: it
// was read first.
func StateOf(head event.Head, state target.State) string {
	switch {
	case head.Hash == "" && !head.Deleted:
		return Malformed
	case state.Sequence < head.Sequence && state.Error != "" && state.Intent != 0:
		return Retrying
	case state.Sequence < head.Sequence, Outdated(head, state):
		return Pending
	case state.Outcome == target.OutcomeFailed && state.Dismissed:
		return Dismissed
	case state.Outcome == target.OutcomeFailed && state.Reason == target.ClassMalformed:
		return Malformed
	case state.Outcome == target.OutcomeFailed:
		return Failed
	case head.Deleted:
		return Deleted
	}
	return Synced
}

// Outdated reports whether the stream is older than the sync state: it was restored, and the next reconcile follows it. A head
// without a sequence is unknown.
func Outdated(head event.Head, state target.State) bool {
	if head.Sequence == 0 {
		return false
	}
	applied := state.Outcome == target.OutcomeApplied && state.Hash != ""
	return state.Sequence > head.Sequence || state.Sequence == head.Sequence && applied && state.Hash != head.Hash
}
