// Package faults injects failures into an HTTP server in tests: delays, hangs,
// connection resets and other answers, before or after the request took effect.
//
// # Guarantees
//
// The function given to [Injector.Set] decides about every request that begins
// afterwards. A fault does not keep the request from reaching the server unless
// it says so: [Fault.After] performs the operation and loses its answer.
//
// The tests inject each kind of fault into a reference registry over real
// connections.
package faults
