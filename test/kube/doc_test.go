// Package kube_test runs the Kubernetes adapter against a real API server, as the service account that deploy/
// describes, with restarts, an API server that has forgotten the past, and a network that does what networks do.
package kube_test
