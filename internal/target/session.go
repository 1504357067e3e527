package target

import (
	"context"
	"errors"
)

// ErrConflict means that a compare-and-set found another revision.
var ErrConflict = errors.New("the entry was changed by another replica")

// ErrClaimed means that another replica works on a key, or holds a named claim.
var ErrClaimed = errors.New("the key is claimed by another replica")

// claimKey is the context key of the check of claims.
type claimKey struct{}

// WithClaim returns a context for work under a claim. check ends the context if the claim can no longer be relied on. It
// compares the clock: after a process was frozen the answer is right before any timer has fired. A claim that ctx already
// carries is checked too.
func WithClaim(ctx context.Context, check func()) context.Context {
	outer, nested := ctx.Value(claimKey{}).(func())
	if !nested {
		return context.WithValue(ctx, claimKey{}, check)
	}
	return context.WithValue(ctx, claimKey{}, func() { outer(); check() })
}

// Held returns nil while the claims of the context can be relied on, and the error of the context once it has ended. It must
// be called before every request that only the holder may send.
func Held(ctx context.Context) error {
	if check, found := ctx.Value(claimKey{}).(func()); found {
		check()
	}
	return ctx.Err()
}

// Session is the presence of one process.
type Session interface {
	// Name is never used twice.
	Name() string
	// Hold returns a context that ends with ctx, or as soon as the session can no longer be relied on, which [Held] reports at
	// once. The session is renewed until release is called.
	Hold(ctx context.Context) (held context.Context, release func())
	// Retire prevents new work under the session, because it is not known what it has written.
	Retire()
}
