// Package registry is what the adapters to Component Registries share: the configuration, the HTTP client with
// authentication, metrics and traces, the classification of answers, and the reading of collections in pages.
//
// An adapter speaks one API. It lives in a package of its own below this one, implements [target.Registry] and
// [target.Probe], and sends its requests through a [Client]. Adapters import this package, never the reverse.
//
// # Guarantees
//
//   - Every error of [Client.Do] is a [*target.Failure], classified in one place, or the end of the caller's context.
//   - No request starts once its context has ended, and none takes longer than the configured time limit.
//   - A failure ends in a dead letter only if the registry's answer judges the content.
//   - No more requests than the configured connections are in flight.
//   - A request that is rejected for the lack of a token, or for its age, is repeated once with a fresh one.
//   - No error, log message or trace contains the credentials, even if the registry echoes them.
//   - A list of any size takes the memory of one row, and [Pages] reports whether rows may be missing.
//
// The tests run against the reference registry over real HTTP.
package registry
