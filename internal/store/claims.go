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
	"odasync/internal/natsconn"
)

// Claims are names that one process at a time holds.
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
func EnsureClaims(ctx context.Context, conn *natsconn.Conn, scope, owner string) (*Claims, error) {
	return ensureClaims(ctx, conn, scope, owner, claimTTL)
}

func ensureClaims(ctx context.Context, conn *natsconn.Conn, scope, owner string, ttl time.Duration) (*Claims, error) {
	kv, err := ensureBucket(ctx, conn, ClaimsBucket, "claims", ttl)
	if err != nil {
		return nil, err
	}
	return &Claims{kv: kv, ttl: ttl, prefix: event.Token(scope) + ".", owner: owner}, nil
}

// ownerSeparator separates the owner from the unique part of a value.
const ownerSeparator = "#"

// Acquire claims the name, or returns [target.ErrClaimed]. The claim is renewed until it is released or ctx ends. The returned
// context ends when the claim is lost, see [target.Held]; release returns [target.ErrConflict] where it was.
func (c *Claims) Acquire(ctx context.Context, name string) (context.Context, func(context.Context) error, error) {
	ended := func() bool { return ctx.Err() != nil }
	l, err := take(ctx, c.kv, c.ttl, c.prefix+event.Token(name), c.owner+ownerSeparator+nuid.Next(), ended)
	if err != nil {
		return nil, nil, err
	}
	held, cancel := l.hold(ctx)
	return held, func(ctx context.Context) error { cancel(); return l.release(ctx) }, nil
}

// Owner returns the owner of a claim; empty where it is free.
func (c *Claims) Owner(ctx context.Context, name string) (string, error) {
	entry, err := c.kv.Get(ctx, c.prefix+event.Token(name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read claim %s: %w", name, err)
	}
	owner, _, _ := strings.Cut(string(entry.Value()), ownerSeparator)
	return owner, nil
}
