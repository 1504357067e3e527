package auth

import (
	"time"

	"golang.org/x/oauth2"
)

// Token is one token of the issuer.
type Token struct {
	value, kind      string
	obtained, expiry time.Time // expiry is zero where the issuer does not tell
	Claims           Claims
}

func newToken(from *oauth2.Token) *Token {
	return &Token{
		value: from.AccessToken, kind: from.Type(), obtained: time.Now(), expiry: from.Expiry,
		Claims: decode(from.AccessToken),
	}
}

// Authorization returns the header of a request with the token.
func (t *Token) Authorization() string { return t.kind + " " + t.value }

// valid reports whether the token can be sent.
func (t *Token) valid(now time.Time) bool {
	return t != nil && (t.expiry.IsZero() || now.Before(t.expiry))
}

// early is how long before its end a token is renewed: as the Canvas's clients do it, or in the last quarter of a short life.
const early = 30 * time.Second

// ageing reports whether it is time to renew the token.
func (t *Token) ageing(now time.Time) bool {
	if t.expiry.IsZero() {
		return false
	}
	margin := early
	if life := t.expiry.Sub(t.obtained); life < 2*early {
		margin = life / 4
	}
	return !now.Before(t.expiry.Add(-margin))
}

// freshFor is how long a token counts as fresh. It also bounds how often one that is always rejected is replaced.
const freshFor = time.Second

// fresh reports whether the token was just fetched, so that its rejection is not due to its age. An issuer that counts in full
// seconds ends a token up to one before its time.
func (t *Token) fresh(now time.Time) bool {
	limit := freshFor
	if !t.expiry.IsZero() {
		limit = min(limit, t.expiry.Sub(t.obtained)/4)
	}
	return now.Sub(t.obtained) < limit
}
