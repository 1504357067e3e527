package component

// Unpublished is a component whose state in the cluster is not in the stream, and why: JSON for ctl.
type Unpublished struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Reason    Unpublishable `json:"reason"`
	// Message describes the problem.
	Message string `json:"message"`
}

// Unpublishable is why a component is not published.
type Unpublishable string

// The reasons. After the first two the stream keeps the last state that could be published, if there is one.
const (
	Malformed       Unpublishable = "malformed"        // the resource cannot be read
	TooLarge        Unpublishable = "too_large"        // the event exceeds the server's limit
	PendingApproval Unpublishable = "pending_approval" // it is gone, and its deletion waits for an approval
)
