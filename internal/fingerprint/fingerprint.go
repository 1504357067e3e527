// Package fingerprint stands 16 bytes in for a value where only equality counts and the values themselves would fill the
// memory: as the key of a large map.
package fingerprint

import "hash/maphash"

// Print is a value's fingerprint. Equal values have equal ones within a process, and no two other values will meet: with a
// million values the chance is below 1 in 10^26.
type Print [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// Of returns the fingerprint of a value: a string, or a struct of strings. It means nothing to another process.
func Of[T comparable](value T) Print {
	return Print{maphash.Comparable(seeds[0], value), maphash.Comparable(seeds[1], value)}
}

// Short returns half of the fingerprint, for the question whether a value is still the one that was noted.
func Short[T comparable](value T) uint64 { return maphash.Comparable(seeds[0], value) }
