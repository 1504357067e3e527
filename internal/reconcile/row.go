package reconcile

import (
	"time"

	"odasync/internal/fingerprint"
	"odasync/internal/target"
)

// row is what a comparison keeps of a component: a few dozen bytes, since there are as many rows as components. Hashes
// replace texts that are only compared.
type row struct {
	sequence     uint64
	hash, digest uint64 // of the newest outcome's content, and of the entry as the last apply left it
	// name is the recorded one of the entry, place the one that it should have; namespace is the component's.
	name, place, namespace uint64
	flags                  flags
}

// flags are facts about a component.
type flags uint16

const (
	// deleted and failed are outcomes; without one the component was applied, or has no state.
	deleted flags = 1 << iota
	failed
	// inDoubt: an apply began and its outcome is not recorded; abandoned: and it is not in progress any more.
	inDoubt
	abandoned
	// retryDue: it failed for another reason than its content, or an apply was abandoned since, and may be tried again.
	// nameTaken: it failed because another owner has the name.
	retryDue
	nameTaken
	// present: the listing contains the recorded entry; asRecorded: with the recorded content; atPlace: under the right name;
	// relabelled: with the labels of another component.
	present
	asRecorded
	atPlace
	relabelled
	// headed: the stream has messages of the component; wanted: it should exist, or will be compared.
	headed
	wanted
	// contested: another program has written over the entry again after each of the last repairs.
	contested
)

func (r *row) is(f flags) bool { return r.flags&f != 0 }

func (r *row) set(f flags, on bool) {
	r.flags &^= f
	if on {
		r.flags |= f
	}
}

// expired reports whether the component is deleted and the stream has no message of it any more.
func (r *row) expired() bool {
	return r.is(deleted) && !r.is(headed) && !r.is(inDoubt) && !r.is(present)
}

func hash(text string) uint64 { return fingerprint.Short(text) }

// retryPause is the pause before a failure that is not due to the content is tried again: half of the time since the first
// failure, so that retries become rare.
func retryPause(s *target.State) time.Duration {
	return min(max(s.Updated.Sub(s.FailedSince)/2, minRetryPause), maxRetryPause)
}

const (
	minRetryPause = 30 * time.Second
	maxRetryPause = time.Hour
)

// isContested reports whether another program writes over the entry after each repair. Two programs that repair each other's
// work would never end, so such an entry is repaired only once an hour, or by ctl sync.
func isContested(s *target.State, now time.Time) bool {
	return s.Overwritten >= maxOverwritten && now.Sub(s.Updated) < contestedPause
}

const (
	maxOverwritten = 3
	contestedPause = time.Hour
)
