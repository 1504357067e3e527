// Package kube sends requests to the Kubernetes API server: [Client] reads objects and lists, opens watches, finds the served
// version of the Component resource, and reviews its own permissions. internal/kube/listwatch reports Components with it,
// internal/kube/elector elects the leader.
//
// # Guarantees
//
//   - The error of a request is a [Failure]: it has a reason for metrics, and a text that says what a person can do and does
//     not change while the failure repeats.
//   - Every request ends: a server that sends nothing within a time limit is a failure. A large answer over a slow line is not.
//   - Credentials that the server keeps rejecting are read again, also those inside a kubeconfig.
//
// Requests use client-go's REST client and are decoded here, one event at a time. Client-go's informers retain every object,
// its RetryWatcher hides a 410, and its dynamic client retries on its own.
//
// The tests send requests over HTTP to the server with scripted answers of internal/kube/kubetest. test/kube runs them on a
// real API server.
package kube
