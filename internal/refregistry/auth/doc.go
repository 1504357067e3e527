// Package auth is the authentication of a reference registry: a token endpoint
// like that of the Canvas's Keycloak, the login of a local user, and the check
// of the tokens of both.
//
// # Guarantees
//
// Tokens have the claims and the signature (RS256) of Keycloak's. They are
// checked as the deployed registry does it: it caches the issuer's keys for
// ever, so that after [Issuer.RotateKeys] every new token is refused until
// [Issuer.ForgetKeys], which is what a restart does.
//
// Neither tokens nor secrets are in an error.
//
// The tests request tokens over HTTP; package tmf639 tests what their roles
// permit.
package auth
