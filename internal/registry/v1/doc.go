// Package v1 is the adapter to Component Registries with the v1 API, which identifies everything by integer ids.
//
// [Adapter.Apply] reads an entry, compares it and writes only the differences, so that a repeat writes nothing. The ids of
// labels, components and APIs are read once in bulk at first use and cached. A component that the cache lacks is created
// without a read: the registry rejects a second one of the name.
//
// An entry carries its owner in two labels, managed-by and namespace. An entry of another owner is never changed; an entry
// without an owner, as older collectors wrote it, is adopted.
//
// # Guarantees
//
//   - The cache may be wrong at any time, see idCache: no id is written to before the row behind it was read and recognised.
//   - Other owners' entries survive even if the registry loses its database and assigns its ids anew.
//   - No request starts once the caller's context has ended, not even one on behalf of several callers.
//   - What an apply leaves has, in [Adapter.Inventory], the digest that the apply recorded.
//   - [Actual.Compare] finds a difference exactly where an apply would write.
//
// The tests run against the reference registry over real HTTP.
package v1
