// Package listwatch reports the Components of a cluster to a [component.Observer], in every served version of the resource.
//
// [Source] lists and watches, and never gives up: [Source.State], one log line for each change, and metrics report its
// failures. It retains no objects: each is read, reported and dropped. If configured, it also watches ExposedAPIs, retains what
// they say in a few hundred bytes, and folds it into the reports of their Components. [Components] reads what exists once.
//
// # Guarantees
//
//   - A resync ends only after every object of its scope was reported, so that absence can be inferred from it.
//   - After a resync, no change is missed silently: where the server cannot resume from the last known resourceVersion, or
//     sends nothing for too long, another resync reads the whole scope.
//
// The tests run the watch protocol over HTTP with scripted answers. test/kube runs them on a real API server.
package listwatch
