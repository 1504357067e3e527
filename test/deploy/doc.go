// Package deploy tests what deploy/ holds: the Helm chart and the manifests that are rendered from it.
//
// Charts are rendered by the real helm, and what comes out is applied to a real API server that enforces Pod Security at
// restricted and refuses unknown fields; any warning of it fails a test. The programs then run with the variables, the
// service account and the NATS configuration of the manifests. No controllers run there, so Pods are made from the
// templates by the tests.
package deploy
