// Package deploy tests deploy/: the Helm chart and the manifests rendered from it.
//
// Charts are rendered by the real helm, and the result is applied to a real API server that enforces restricted Pod Security and
// rejects unknown fields; any warning of the API server fails a test. The programs then run with the variables, the service
// account and the NATS configuration of the manifests. No controllers run there: the tests create Pods from the templates.
package deploy
