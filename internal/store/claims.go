package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"odasync/internal/event"
	"odasync/internal/stream"
)

// Claims are names that one holder at a time has: keys in a bucket whose values the server expires; no clocks are compared.
type Claims struct {
	kv     jetstream.KeyValue
	ttl    time.Duration
	prefix string
	owner  string
}

// claimTTL is how long the server keeps a key in the bucket of claims that is not renewed.
const claimTTL = 6 * time.Second

// TargetScope is the scope of the claims and sessions of a target.
func TargetScope(target string) string { return "target-" + target }

// EnsureClaims returns the claims of a scope (a target, or the watchers) for one process and creates their bucket where it
// is missing. owner names the process in the values, for people.
func EnsureClaims(ctx context.Context, conn *stream.Conn, scope, owner string) (*Claims, error) {
	return ensureClaims(ctx, conn, scope, owner, claimTTL)
}

func ensureClaims(ctx context.Context, conn *stream.Conn, scope, owner string, ttl time.Duration) (*Claims, error) {
	kv, err := ensureBucket(ctx, conn, ClaimsBucket, "claims", ttl)
	if err != nil {
		return nil, err
	}
	return &Claims{kv: kv, ttl: ttl, prefix: event.Token(scope) + ".", owner: owner}, nil
}

// ownerMark stands between the owner and what tells its claims apart.
const ownerMark = "#"

// Acquire claims the name, or returns syncer.ErrClaimed. While held, the claim renews itself; the held context ends
// when a renewal is refused or overdue.
func (c *Claims) Acquire(ctx context.Context, name string) (context.Context, func(context.Context) error, error) {
	ended := func() bool { return ctx.Err() != nil }
	l, err := take(ctx, c.kv, c.ttl, c.prefix+event.Token(name), c.owner+ownerMark+nuid.Next(), ended)
	if err != nil {
		return nil, nil, err
	}
	held, cancel := l.hold(ctx)
	return held, func(ctx context.Context) error { cancel(); return l.giveBack(ctx) }, nil
}

// Owner reads who holds the named claim; empty where nobody does.
func (c *Claims) Owner(ctx context.Context, name string) (string, error) {
	entry, err := c.kv.Get(ctx, c.prefix+event.Token(name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read claim %s: %w", name, err)
	}
	owner, _, _ := strings.Cut(string(entry.Value()), ownerMark)
	return owner, nil
}
