package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"odasync/internal/event"
	"odasync/internal/syncer"
)

// Claims are named keys in a bucket whose values the server expires; no clocks are compared.
type Claims struct {
	kv     jetstream.KeyValue
	ttl    time.Duration
	prefix string
	owner  string
}

// Claims returns the claims of a scope (a target, or the watchers) for one process. owner names the process in the
// values, for people.
func (c *Conn) Claims(ctx context.Context, scope, owner string) (*Claims, error) {
	kv, err := c.ensureBucket(ctx, ClaimsBucket, "claims", c.timing.claimTTL)
	if err != nil {
		return nil, err
	}
	return &Claims{kv: kv, ttl: c.timing.claimTTL, prefix: event.Token(scope) + ".", owner: owner}, nil
}

// Acquire claims the name, or returns syncer.ErrClaimed. While held, the claim renews itself; the held context ends
// when a renewal is refused or overdue.
func (c *Claims) Acquire(ctx context.Context, name string) (context.Context, func(context.Context) error, error) {
	key := c.prefix + event.Token(name)
	value := c.owner + ownerMark + nuid.Next() // no two claims have one value, also not two of one process
	asked := time.Now()
	revision, err := retryRefused(ctx, func() (uint64, error) { return c.kv.Create(ctx, key, []byte(value)) })
	if isConflict(err) {
		return nil, nil, syncer.ErrClaimed
	}
	if err != nil {
		return nil, nil, fmt.Errorf("claim %s: %w", key, err)
	}
	held, cancel := context.WithCancelCause(ctx)
	claim := &claim{Context: held, claims: c, key: key, value: value, revision: revision, cancel: cancel, done: make(chan struct{})}
	claim.renewed.Store(&asked)
	go claim.keep(held)
	return claim, claim.release, nil
}

// ownerMark stands between the owner and what tells its claims apart.
const ownerMark = "#"

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

// claim is the context of what is done under it. A process that was frozen asks its context for errors before a timer has
// fired: the answer must be right then.
type claim struct {
	context.Context
	claims     *Claims
	key, value string
	cancel     context.CancelCauseFunc
	done       chan struct{} // closed when nothing renews any more

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
		c.cancel(fmt.Errorf("claim %s was not renewed for %s: %w", c.key, age.Round(time.Millisecond), syncer.ErrConflict))
	}
	return c.Context.Err()
}

func (c *claim) renew(held context.Context) error {
	ctx, cancel := context.WithTimeout(held, c.claims.ttl/6)
	defer cancel()
	asked := time.Now()
	revision, err := c.claims.kv.Update(ctx, c.key, []byte(c.value), c.revision)
	if isConflict(err) { // the answer to an earlier renewal may have been lost; the next tick renews again
		return c.adopt(ctx)
	}
	if err != nil {
		return fmt.Errorf("renew claim %s: %w", c.key, err)
	}
	c.revision = revision
	c.renewed.Store(&asked)
	return nil
}

// adopt takes over the revision of an entry that is this claim's; ErrConflict where another's stands there, or none.
func (c *claim) adopt(ctx context.Context) error {
	entry, err := c.claims.kv.Get(ctx, c.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), err == nil && string(entry.Value()) != c.value:
		return fmt.Errorf("claim %s: %w", c.key, syncer.ErrConflict)
	case err != nil:
		return fmt.Errorf("read claim %s: %w", c.key, err)
	}
	c.revision = entry.Revision()
	return nil
}

// release gives the claim back. It waits for a renewal under way, whose answer may be lost by that. An error other than
// ErrConflict only means that the server will expire the claim later.
func (c *claim) release(ctx context.Context) error {
	c.cancel(nil)
	<-c.done
	err := c.claims.kv.Delete(ctx, c.key, jetstream.LastRevision(c.revision))
	if isConflict(err) {
		if err = c.adopt(ctx); err == nil {
			err = c.claims.kv.Delete(ctx, c.key, jetstream.LastRevision(c.revision))
		}
	}
	if err != nil && !errors.Is(err, syncer.ErrConflict) {
		return fmt.Errorf("release claim %s: %w", c.key, err)
	}
	return err
}

// isConflict says whether a compare-and-set was refused because another revision stands there.
func isConflict(err error) bool { return isCode(err, jetstream.JSErrCodeStreamWrongLastSequence) }

// retryRefused repeats a compare-and-set that a replicated stream refuses without a verdict: under load it answers code
// 10164, "wrong last sequence" without a number, also where the sequence is right. Only code 10071 is a verdict.
func retryRefused[T any](ctx context.Context, set func() (T, error)) (T, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		result, err := set()
		if !isCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, err
		case <-time.After(pause):
		}
	}
}
