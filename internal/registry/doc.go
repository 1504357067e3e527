// Package registry makes a Component Registry show components: it implements the syncer's Registry over HTTP.
//
// V1 speaks to the registry with integer ids. What it holds is read once in bulk at first use: label ids, the names of
// the components and of those with exposed APIs. A component that is new by that knowledge is created without a
// read; everything else is read first, compared, and only the differences are written, so a repeat writes nothing.
// The knowledge may be wrong at any time, because other replicas, other programs and people write too, and because a
// registry may lose its database and hand out its ids anew. It is therefore only trusted where the registry itself
// refuses a mistake; an id is never written to before the entry behind it was read and recognised.
//
// An entry carries its owner in two labels, managed-by and namespace. Entries of another owner are refused, not
// overwritten; entries without an owner, as older collectors wrote them, are adopted.
//
// Shown reads what is there and Compare says what an Apply would change; neither writes.
//
// Every error is a *syncer.Failure, made by classify alone, or the error of the caller's context. No request starts
// once that context has ended, also not one made on behalf of several callers.
//
// The tests run against the reference registry over real HTTP: go test ./internal/registry
package registry
