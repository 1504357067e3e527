// Package lanes holds the newest value of each key until a worker takes it: of two waiting values the newer stays,
// and one key is never worked on twice at a time. The order of waiting keys is that of their first arrival.
//
// It is client-go's work queue with a value beside each key. The number of waiting keys is bounded; whoever adds a
// new key to a full set waits, a newer value for a waiting key never does.
//
// The tests need nothing but `go test`.
package coalesce
