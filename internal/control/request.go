package control

import (
	"encoding/json"
	"slices"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/target"
)

// version is the version of requests and responses, as the micro services announce it.
const version = "1.3.0"

// ReadRequest asks the leader of a cluster to read one component from its source now.
type ReadRequest struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// ReadResult is what the stream has of the component after a [ReadRequest].
type ReadResult struct {
	// Sequence is that of the last message, Deleted whether it is a tombstone.
	Sequence uint64 `json:"sequence"`
	Deleted  bool   `json:"deleted"`
	// Changed means that the message was published during the request.
	Changed bool `json:"changed"`
}

// CompareRequest asks a syncer of a target to compare the entry of one component with the stream now, and to repair it.
type CompareRequest struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Milliseconds limit how long the syncer tries: the client does not wait longer.
	Milliseconds int64 `json:"milliseconds"`
}

// CompareResult is the result of a [CompareRequest].
type CompareResult struct {
	// Created, or else Deleted, is what was done if there were Writes.
	Created bool `json:"created"`
	Deleted bool `json:"deleted"`
	Writes  int  `json:"writes"`
}

// ReconcileRequest asks a syncer of a target for a reconcile with a cluster.
type ReconcileRequest struct {
	Cluster string `json:"cluster"`
	DryRun  bool   `json:"dryRun"`
}

// UnpublishedRequest asks the leader of a cluster for the components behind the named one that it cannot publish; the first
// request names none.
type UnpublishedRequest struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// UnpublishedResult is one page of the result of an [UnpublishedRequest].
type UnpublishedResult struct {
	Components []component.Unpublished `json:"components"`
	More       bool                    `json:"more"`
}

// unpublishedPage is the number of components in a page, which stays below the usual max_payload of a server.
const unpublishedPage = 500

// Pending is a deletion that waits for an approval. The PendingDeletion is nil for none; its Components, which are only the first,
// are hidden by those of the Pending, which are all, as cluster/namespace/name.
type Pending struct {
	*prune.PendingDeletion
	Components []string `json:"components"`
}

// PendingRequest asks for a pending deletion, with the components from the offset on. The leader of a cluster ignores the
// cluster.
type PendingRequest struct {
	Cluster string `json:"cluster"`
	Offset  int    `json:"offset"`
}

// pendingPage is the largest number of components in one answer, which is then below the size limit of a message.
const pendingPage = 1000

// page returns the components from the offset on, as an answer.
func page(pending *prune.PendingDeletion, keys []component.Key, offset int) Pending {
	p := Pending{PendingDeletion: pending, Components: []string{}}
	slices.SortFunc(keys, component.Key.Compare)
	for _, key := range keys[min(offset, len(keys)):min(offset+pendingPage, len(keys))] {
		p.Components = append(p.Components, key.String())
	}
	return p
}

// response is the wire form of every response.
type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	// Error is empty on success.
	Error string `json:"error,omitempty"`
	// Class and Temporary are those of the RequestError.
	Class     target.Class `json:"class,omitempty"`
	Temporary bool         `json:"temporary,omitempty"`
}
