// Package adapter opens a Component Registry: it selects the adapter of the API that the registry speaks.
//
// # Guarantees
//
//   - Every part of odasync that needs a registry opens it with [Open], so all of them select the same adapter.
//   - A service that is no registry odasync can write to is refused before the first write, with what it answered and the
//     variable to set.
//   - A registry that cannot be reached is not refused: the caller tries again.
//
// The tests ask services of every kind over real HTTP.
package adapter
