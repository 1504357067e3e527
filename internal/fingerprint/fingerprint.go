// Package fingerprint replaces values that are only compared by 16 bytes, for the keys of large maps.
//
// The tests need only go test.
package fingerprint

import "hash/maphash"

// Print is the fingerprint of a value. Equal values have equal fingerprints within a process. Two different values of a
// million have the same one with a probability below 1 in 10^26.
type Print [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// Of returns the fingerprint of a value: a string, or a struct of strings. It is only valid within the process.
func Of[T comparable](value T) Print {
	return Print{maphash.Comparable(seeds[0], value), maphash.Comparable(seeds[1], value)}
}

// Short returns half of the fingerprint, to compare a value with its recorded one.
func Short[T comparable](value T) uint64 { return maphash.Comparable(seeds[0], value) }
