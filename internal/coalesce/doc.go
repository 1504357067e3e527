// Package coalesce is a work queue that keeps the newest value of each key: client-go's work queue with a value beside each
// key, and a limit.
//
// # Guarantees
//
//   - Of two waiting values of a key the newer one stays.
//   - A key is worked on by one worker at a time.
//   - Keys are taken in the order of their first arrival.
//   - The number of waiting keys is bounded: [Queue.Add] blocks for a new key while the queue is full, and never for a newer
//     value of a waiting key.
//
// The tests run in testing/synctest bubbles.
package coalesce
