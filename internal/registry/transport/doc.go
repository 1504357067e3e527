// Package transport is the way to a registry and to its token endpoint: certificates, the client's own certificate and the
// proxy.
//
// # Guarantees
//
//   - Certificates are read again when their files change, without a restart. A file that cannot be read meanwhile leaves the
//     certificates in use.
//   - No error contains the user or password of the proxy.
//
// The tests use TLS servers with certificates of their own and a real proxy.
package transport
