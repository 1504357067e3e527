// Package cluster runs an etcd and a kube-apiserver as child processes and
// makes of them a cluster for tests and demonstrations: RBAC, TLS, two users,
// the Component definition and a few namespaces. There are no controllers,
// no scheduler and no nodes.
//
// What it guarantees:
//   - The servers reached are those started here. The etcd carries a name of
//     its own which is asked for before it is used, keys have a prefix of their
//     own, and the API server's certificate comes from an authority made for
//     this start.
//   - Usable means usable: a list and a watch of Components have succeeded in
//     every served version. An API server may be "ready" for seconds while its
//     watches still answer 429.
//   - The servers end with the process that started them, even if that one is
//     killed (on Linux).
//
// The tests are those of cmd/devcluster: they need the real servers.
package cluster
