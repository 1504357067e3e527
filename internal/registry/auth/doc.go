// Package auth gets OAuth2 tokens with client credentials, for a registry that demands them.
//
// # Guarantees
//
//   - No token is fetched before the registry asks for one. One request at a time fetches it for all callers.
//   - A token is renewed before it expires, without delaying a request. One without a lifetime is used until the registry
//     rejects it.
//   - A failed request to the token endpoint is shared by all callers for a second, so an endpoint that is down gets no storm.
//   - The secret is read again from its file for each token.
//   - Nothing here prints a token or a secret; the claims of a token are decoded without its signature, for messages only.
//
// The tests use token endpoints over real HTTP.
package auth
