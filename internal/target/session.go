package target

import (
	"context"
	"errors"
)

// ErrConflict says that a compare-and-set found another revision: somebody else wrote the entry.
var ErrConflict = errors.New("the entry was changed by another replica")

// ErrClaimed says that another replica works on a key, or holds a named claim.
var ErrClaimed = errors.New("the key is claimed by another replica")

// Session is the presence of one process.
type Session interface {
	// Name is never used twice.
	Name() string
	// Hold returns a context that ends with ctx, or as soon as the session can no longer be relied on, and what gives it
	// back. The session goes on while something holds it.
	Hold(ctx context.Context) (held context.Context, release func())
	// Retire lets no new work begin under the session: it is not known what it has written.
	Retire()
}
