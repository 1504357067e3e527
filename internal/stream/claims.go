package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
)

// Claims are keys in a bucket whose values the server expires; no clocks are compared.
type Claims struct {
	kv     jetstream.KeyValue
	ttl    time.Duration
	prefix string
	owner  string
}

// Claims returns the claims of a scope (a target, or the watchers) for one process. owner names the process in the
// values, for people; the revision is what counts.
func (c *Conn) Claims(ctx context.Context, scope, owner string) (*Claims, error) {
	kv, err := c.ensureBucket(ctx, ClaimsBucket, "claims", c.timing.claimTTL)
	if err != nil {
		return nil, err
	}
	return &Claims{kv: kv, ttl: c.timing.claimTTL, prefix: event.Token(scope) + ".", owner: owner}, nil
}

// Acquire claims the key, or returns syncer.ErrClaimed. While held, the claim renews itself; the held context ends
// when a renewal is refused or overdue.
func (c *Claims) Acquire(ctx context.Context, key component.Key) (context.Context, func(context.Context) error, error) {
	return c.acquire(ctx, c.prefix+event.Tokens(key))
}

// AcquireName is Acquire for a claim that is not a component's.
func (c *Claims) AcquireName(ctx context.Context, name string) (context.Context, func(context.Context) error, error) {
	return c.acquire(ctx, c.prefix+event.Token(name))
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
	return string(entry.Value()), nil
}

func (c *Claims) acquire(ctx context.Context, name string) (context.Context, func(context.Context) error, error) {
	asked := time.Now()
	revision, err := c.kv.Create(ctx, name, []byte(c.owner))
	if errors.Is(err, jetstream.ErrKeyExists) || isConflict(err) {
		return nil, nil, syncer.ErrClaimed
	}
	if err != nil {
		return nil, nil, fmt.Errorf("claim %s: %w", name, err)
	}
	held, cancel := context.WithCancelCause(ctx)
	claim := &claim{Context: held, claims: c, name: name, revision: revision, cancel: cancel, done: make(chan struct{})}
	claim.renewed.Store(&asked)
	go claim.keep(held)
	return claim, claim.release, nil
}

// claim is the context of what is done under it. A process that was frozen asks its context for errors before a timer has
// fired: the answer must be right then.
type claim struct {
	context.Context
	claims *Claims
	name   string
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when nothing renews any more

	revision uint64                    // of whoever renews, and then of release
	renewed  atomic.Pointer[time.Time] // when the last successful request was sent
}

// keep renews the claim until the context ends. It gives the claim up at least a sixth of its life before the server
// does, so that a request under way still ends in time.
func (c *claim) keep(held context.Context) {
	defer close(c.done)
	ttl := c.claims.ttl
	ticker := time.NewTicker(ttl / 6)
	defer ticker.Stop()
	for {
		select {
		case <-held.Done():
			return
		case <-ticker.C:
		}
		if c.Err() != nil {
			return
		}
		if time.Since(*c.renewed.Load()) < ttl/3 {
			continue
		}
		if err := c.renew(held); errors.Is(err, syncer.ErrConflict) {
			c.cancel(err)
			return
		}
	}
}

// Err implements context.Context: an overdue claim is lost.
func (c *claim) Err() error {
	if age := time.Since(*c.renewed.Load()); age > c.claims.ttl*2/3 && c.Context.Err() == nil {
		c.cancel(fmt.Errorf("claim %s was not renewed for %s: %w", c.name, age.Round(time.Millisecond), syncer.ErrConflict))
	}
	return c.Context.Err()
}

func (c *claim) renew(held context.Context) error {
	ctx, cancel := context.WithTimeout(held, c.claims.ttl/6)
	defer cancel()
	asked := time.Now()
	revision, err := c.claims.kv.Update(ctx, c.name, []byte(c.claims.owner), c.revision)
	if isConflict(err) {
		// The answer to an earlier renewal may have been lost: the entry is still ours if its owner says so.
		entry, getErr := c.claims.kv.Get(ctx, c.name)
		if getErr != nil || string(entry.Value()) != c.claims.owner {
			return fmt.Errorf("claim %s: %w", c.name, syncer.ErrConflict)
		}
		c.revision = entry.Revision()
		return nil // renewed at a time we do not know; the next tick renews again
	}
	if err != nil {
		return fmt.Errorf("renew claim %s: %w", c.name, err)
	}
	c.revision = revision
	c.renewed.Store(&asked)
	return nil
}

// release gives the claim back. It waits for a renewal under way. An error other than ErrConflict only means that
// the server will expire the claim later.
func (c *claim) release(ctx context.Context) error {
	c.cancel(nil)
	<-c.done
	err := c.claims.kv.Delete(ctx, c.name, jetstream.LastRevision(c.revision))
	switch {
	case isConflict(err):
		return fmt.Errorf("claim %s: %w", c.name, syncer.ErrConflict)
	case err != nil:
		return fmt.Errorf("release claim %s: %w", c.name, err)
	}
	return nil
}

// isConflict says whether a compare-and-set was refused.
func isConflict(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) ||
		isCode(err, jetstream.JSErrCodeStreamWrongLastSequence) ||
		isCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
