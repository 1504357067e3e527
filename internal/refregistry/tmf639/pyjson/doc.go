// Package pyjson reads and writes JSON as the deployed service does, which is written in Python.
//
// # Guarantees
//
//   - [Decode] and [Append] keep the order of an object's members, numbers of any size, and texts as they are.
//   - The formatting, the position and message of a syntax error, and values quoted in messages ([Repr]) are Python's.
//
// The tests compare with what Python 3 writes; those of tmf639 compare whole answers with the deployed service's.
package pyjson
