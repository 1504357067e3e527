package target

import (
	"context"
	"errors"
)

// ErrConflict says that a compare-and-set found another revision: somebody else wrote the entry.
var ErrConflict = errors.New("the entry was changed by another replica")

// ErrClaimed says that another replica works on a key, or holds a named claim.
var ErrClaimed = errors.New("the key is claimed by another replica")

// claimKey is the context key of the check of the claims that work runs under.
type claimKey struct{}

// WithClaim returns a context for work that runs under a claim. check must end the context where the claim can no longer
// be relied on; it compares the clock, so that the answer is right before any timer has fired, as after a process was
// frozen. A claim that ctx carries already is checked too.
func WithClaim(ctx context.Context, check func()) context.Context {
	outer, nested := ctx.Value(claimKey{}).(func())
	if !nested {
		return context.WithValue(ctx, claimKey{}, check)
	}
	return context.WithValue(ctx, claimKey{}, func() { outer(); check() })
}

// Held returns nil while the context goes on and the claims that it carries can be relied on, else the error of the
// context, which has ended then. It must be called before every request that only the holder may send.
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
	// Hold returns a context that ends with ctx, or as soon as the session can no longer be relied on; [Held] says so at
	// once. The session is renewed until release is called.
	Hold(ctx context.Context) (held context.Context, release func())
	// Retire lets no new work begin under the session: it is not known what it has written.
	Retire()
}
