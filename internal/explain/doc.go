// Package explain explains the state of one component in one target to people: why it is in sync or not, with the remedy, and
// the path of its latest change through the pipeline.
//
// # Guarantees
//
//   - The functions are pure: they read nothing but the facts that the caller has collected.
//   - Each answer names one cause. A cause nearer to the cluster counts before one nearer to the registry, because what follows
//     from it cannot work either.
//
// The tests need only go test.
package explain
