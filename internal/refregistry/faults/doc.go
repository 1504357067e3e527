// Package faults injects failures into an HTTP server in tests: delays, hangs,
// connection resets and other answers, before or after the request took effect.
//
// # Guarantees
//
// The function given to [Injector.Set] decides about every request that begins
// afterwards. A fault with [Fault.After] performs the operation exactly once and
// then replaces its answer; any other fault but a delay prevents the operation.
//
// The tests inject each kind of fault into a reference registry over real
// connections.
package faults
