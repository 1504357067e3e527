// Package flow controls the flow of work to a registry: a circuit breaker stops it while the registry is unavailable, and
// a concurrency limiter adapts it to the speed of the registry's answers.
//
// # Guarantees
//
//   - A failure of one component does not open the [Breaker]: it opens when a probe fails, when several components fail and
//     none succeeds, or when the registry asks for a long pause.
//   - An open breaker closes without help: it probes the registry, lets a few components through, and closes with the first
//     success.
//   - Requests that began before the breaker opened do not open it again.
//   - The limit of a [Limiter] stays between 1 and its maximum. Congestion halves it once for all requests that were in
//     flight together.
//
// # Tests
//
// Both run at the pace of production in a testing/synctest bubble; the limiter's bounds are a property test.
package flow
