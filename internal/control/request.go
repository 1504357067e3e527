package control

import "encoding/json"

// version is the version of requests and responses, as the micro services announce it.
const version = "1.1.0"

// VerifyRequest asks the leader of a cluster to publish components again unchanged, so that syncers compare the registry
// with them. Without a name it selects every component of the namespace, without both every component.
type VerifyRequest struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// VerifyResult is the result of a [VerifyRequest].
type VerifyResult struct {
	// Published is the number of messages.
	Published int `json:"published"`
}

// ReconcileRequest asks a syncer of a target for a reconcile with a cluster.
type ReconcileRequest struct {
	Cluster string `json:"cluster"`
	DryRun  bool   `json:"dryRun"`
}

// response is the wire form of every response.
type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	// Error is empty on success.
	Error string `json:"error,omitempty"`
}
