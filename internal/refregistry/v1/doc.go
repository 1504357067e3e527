// Package v1 serves the v1 contract of a Component Registry: integer ids and
// the behaviour of FastAPI.
//
// # Guarantees
//
// It behaves as the deployed v1 service does, also where that is inconvenient:
//
//   - Lists are paged by skip and limit and have no useful order.
//   - An exposed API can be created twice.
//   - Deleting a component leaves its exposed APIs behind, and deleting a label
//     leaves dangling references.
//   - The answer to a creation has an empty label list.
//   - Validation fails with a 422 whose detail is a list.
//
// Where v1 answers 500 for a request that its database refuses (null for a
// mandatory column, a second registry of one name by PUT), this package
// answers 422 or 400.
//
// The rules work on [Tables], which a [Store] supplies.
//
// The tests run the contract over HTTP against package refregistry, and compare
// it with testdata/v1.json, the operations and fields of v1's OpenAPI document.
package v1
