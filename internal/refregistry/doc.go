// Package refregistry is a reference Component Registry: an HTTP server that
// keeps the v1 contract (integer ids, FastAPI manners) to the letter, the
// awkward parts included, so that what works against it works in the field.
//
// It promises what a v1 service does and no more: lists are paged by skip and
// limit with no useful order, exposed APIs may be duplicated, deleting a
// component leaves its APIs behind, deleting a label leaves dangling
// references, a creation answers with an empty label list, and validation
// fails with a 422 whose detail is a list.
//
// Where v1 would answer 500 for a request that its database refuses (a null
// for a mandatory column, a second registry of one name by PUT), this server
// answers 422 or 400: a client that provokes it is told what is wrong.
//
// The content is in memory and ends with the process: odasync fills an empty
// registry again by itself.
//
// At / and /components-gui it shows the components to people, without scripts.
//
// For tests there are Snapshot (the whole content), Requests (how often each
// operation was called), History (who wrote what, when) and SetFault (delays,
// hangs, resets and wrong answers, before or after the write took effect).
package refregistry
