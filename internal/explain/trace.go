package explain

import (
	"time"

	"odasync/internal/event"
	"odasync/internal/target"
)

// Trace is the path of a component's latest change through the pipeline, as `ctl trace` prints it. The shape is stable; see
// docs/api.md.
type Trace struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Target    string `json:"target"`
	// Event is upserted or deleted; empty where it cannot be decoded.
	Event           string   `json:"event"`
	Version         string   `json:"version"`
	ResourceVersion string   `json:"resourceVersion"`
	UID             string   `json:"uid"`
	Changes         []string `json:"changes"`
	// Seen is when the watcher received the change, Stored when the stream stored the message, by the clocks of their machines.
	Seen     *time.Time `json:"seen"`
	Sequence uint64     `json:"sequence"`
	Stored   time.Time  `json:"stored"`
	// Attempts are the first attempt to apply the event and the last ones, Tried counts all.
	Attempts []TracedAttempt `json:"attempts"`
	Tried    int             `json:"tried"`
	// Unchanged means that the registry had the content already, so that no attempt was needed.
	Unchanged bool   `json:"unchanged"`
	State     string `json:"state"`
	ID        string `json:"id"`
	Error     string `json:"error"`
	// Recorded is when the state was stored; null if it is not of this event.
	Recorded *time.Time `json:"recorded"`
	// Seconds passed from the cluster to the registry; null while there is no outcome, and where it is not known.
	Seconds *float64 `json:"seconds"`
}

// TracedAttempt is one attempt.
type TracedAttempt struct {
	Time     time.Time `json:"time"`
	Seconds  float64   `json:"seconds"`
	Requests int       `json:"requests"`
	Writes   int       `json:"writes"`
	// Class and Status are those of the failure; empty and 0 for none.
	Class  target.Class `json:"class"`
	Status int          `json:"status"`
	// Compared means that a reconcile or a person asked for it, not the message.
	Compared bool `json:"compared"`
}

// Change is the newest message of a component.
type Change struct {
	Event event.Event
	// Undecodable is why it cannot be decoded; the event then has only its key and sequence.
	Undecodable error
	Changes     []string
	Stored      time.Time
}

// NewTrace joins the newest message of a component with its sync state in the target, which was read before.
func NewTrace(name string, change Change, state target.State) Trace {
	e := &change.Event
	t := Trace{
		Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Target: name, Sequence: e.Sequence, Stored: change.Stored.UTC(),
		Changes: append([]string{}, change.Changes...), Attempts: []TracedAttempt{}, ID: state.Ref.ID, Error: state.Error,
	}
	head := event.Head{Key: e.Key, Sequence: e.Sequence}
	if change.Undecodable == nil {
		head.Deleted, head.Hash = e.Deleted(), e.Hash
		seen := e.Time.UTC()
		t.Event, t.ResourceVersion, t.UID, t.Seen = "deleted", e.ResourceVersion, e.UID, &seen
		if !e.Deleted() {
			t.Event, t.Version = "upserted", e.Component.Metadata.Version
		}
	} else if t.Error == "" {
		t.Error = change.Undecodable.Error()
	}
	t.State = StateOf(head, state)
	t.addAttempts(state)
	return t
}

func (t *Trace) addAttempts(state target.State) {
	for _, a := range state.Recent {
		if a.Sequence != t.Sequence {
			continue
		}
		t.Attempts = append(t.Attempts, TracedAttempt{
			Time: a.Time, Seconds: a.Seconds, Requests: a.Requests, Writes: a.Writes, Class: a.Class, Status: a.Status, Compared: a.Compared,
		})
		if end := a.Time.Add(time.Duration(a.Seconds * float64(time.Second))); t.Seconds == nil && a.Class == "" && !a.Compared && t.Seen != nil {
			passed := end.Sub(*t.Seen).Round(time.Millisecond).Seconds()
			t.Seconds = &passed
		}
	}
	if state.Sequence != t.Sequence && state.Intent != t.Sequence {
		return
	}
	recorded := state.Updated.UTC()
	t.Recorded = &recorded
	if len(t.Attempts) > 0 {
		t.Tried = max(state.Attempts, len(t.Attempts))
	}
	// A state without any attempt is one of an earlier version: what happened is not known.
	t.Unchanged = len(t.Attempts) == 0 && len(state.Recent) > 0 && state.Intent == 0 && state.Outcome != target.OutcomeFailed
}
