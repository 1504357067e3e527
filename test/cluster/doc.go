// Package cluster starts a devcluster (a real etcd and kube-apiserver, see test/devcluster) for tests, and writes
// Components to it as its admin. It needs the built binaries: in the folder that DEVCLUSTER_BIN names, else in
// bin/devcluster of the repository. Without them the tests fail with the command that builds them.
package cluster
