// Package kube is the Kubernetes adapter: it reports the Components of a cluster to a component.Observer, reads any
// served version of the resource into a component.Component, and holds the Lease of which one watcher has the lead.
//
// Source watches. It keeps no objects: each is read, reported and dropped. It never gives up, and says what it is
// waiting for in State, in one log line a change, and in metrics. It guarantees that
//   - a round is ended only once every object of its scope was reported, so that absence may be inferred from it;
//   - after a round, no change is passed over in silence: where the server cannot say what happened since the last
//     known resourceVersion, or says nothing at all for too long, a new round reads the scope from scratch.
//
// Requests are made with client-go's REST client and decoded here, one event at a time. Its informers keep every
// object, its RetryWatcher hides a 410, and its dynamic client retries behind the caller's back.
//
// Client.Components reads what exists at one moment, for whoever wants to compare.
//
// Elector runs a function while it holds the Lease. A Lease does not fence: Fresh tells whoever is about to write
// whether the Lease was renewed lately by the own clock, and the log's own compare-and-set decides in the end.
//
// The unit tests speak the watch protocol over HTTP against scripted answers. test/kube holds the tests against a
// real API server.
package kube
