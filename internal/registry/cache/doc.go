// Package cache holds what an adapter has read of a collection of the registry.
//
// # Errors
//
// A cached row may be wrong at any time: other replicas, other programs and people write to the registry. What a caller may
// conclude from a row, and what from its absence, depends on the API of the registry.
//
// # Correction
//
// A caller that meets other content than the cache has calls [Cache.Refresh] with the time of its own start, on the cache's
// clock, and starts over. A reading that began later is new enough, also if another caller asked for it: callers that meet
// the same change at the same time cause one reading.
//
// The tests need only go test.
package cache
