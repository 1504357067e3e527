package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"odasync/internal/registry/auth"
	"odasync/internal/target"
)

// authorized sends the request, with a token once the registry has asked for one. A request that the registry rejects for
// the lack of a token, or for its age, is repeated once with a fresh one: a 401 has changed nothing. The error is that of a
// missing token; the answer's status is then that of the request which needs it, or 0 if none was sent.
func (c *Client) authorized(ctx context.Context, r Request, out any) (answer, error) {
	if c.tokens == nil {
		return c.withKey(ctx, r, out)
	}
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return answer{}, err
	}
	if err := target.Held(ctx); err != nil { // the token may have taken a while
		return answer{}, err
	}
	a := c.exchange(ctx, r, out, token)
	if a.status != http.StatusUnauthorized {
		return a, nil
	}
	token, err = c.tokens.Rejected(ctx, token)
	switch {
	case err != nil:
		return a, err
	case token == nil:
		return a, nil
	}
	if err := target.Held(ctx); err != nil {
		return a, err
	}
	return c.exchange(ctx, r, out, token), nil
}

// withKey sends the request with the key or the user, and repeats it once if the registry rejects a key that has changed.
func (c *Client) withKey(ctx context.Context, r Request, out any) (answer, error) {
	a := c.exchange(ctx, r, out, nil)
	if a.status != http.StatusUnauthorized || !c.keys.changed(a.credential) {
		return a, nil
	}
	if err := target.Held(ctx); err != nil {
		return a, err
	}
	return c.exchange(ctx, r, out, nil), nil
}

// noToken is the failure of a request for which there is no token.
func noToken(r Request, status int, err error) *target.Failure {
	failure := &target.Failure{Class: target.ClassUnavailable, Err: err}
	if from := (*target.Failure)(nil); errors.As(err, &from) {
		*failure = *from
	}
	failure.Request, failure.Status, failure.Detail = r.String(), status, Clean(failure.Detail)
	return failure
}

// rejected explains why the registry does not accept a token, as far as the token shows it.
func rejected(status int, detail string, claims auth.Claims) string {
	switch {
	case status == http.StatusUnauthorized:
		return fmt.Sprintf("%s: the registry rejects a fresh token: it keeps the issuer's keys until it is restarted, so restart it after a key rotation, else check that it accepts the issuer and the audience (token: %s)", detail, claims)
	case status == http.StatusForbidden:
		return fmt.Sprintf("%s: grant this to the client of OAUTH2_CLIENT_ID (token: %s)", detail, claims)
	case status == http.StatusInternalServerError && claims.Readable && claims.Roles == nil:
		return fmt.Sprintf("%s: the token has no claim resource_access, at which a tmf639 registry fails: grant the client of OAUTH2_CLIENT_ID a role (token: %s)", detail, claims)
	}
	return detail
}
