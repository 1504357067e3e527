// Package kubetest has what the tests of the Kubernetes adapter share: an API server with scripted answers, and a client's
// configuration for a server.
package kubetest
