// Package kube_test runs the Kubernetes adapter against a real API server, as the service account of deploy/, with restarts, expired
// history and an unreliable network.
package kube_test
