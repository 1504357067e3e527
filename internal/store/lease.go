package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/target"
)

// lease is a key in the bucket of claims that the server expires unless it is renewed. Its value is unique, so that no process
// mistakes the key of another for its own.
type lease struct {
	kv         jetstream.KeyValue
	key, value string
	ttl        time.Duration
	life       context.Context // ends as soon as the lease can no longer be relied on, with the cause
	end        context.CancelCauseFunc
	done       chan struct{} // closed when the renewals have ended

	revision uint64                    // used by keep, and by release after done
	renewed  atomic.Pointer[time.Time] // when the last confirmed request was sent
}

// errEnded is the cause of the end of a lease that was not lost.
var errEnded = errors.New("the claim was released")

// take creates the key, or returns target.ErrClaimed. The key is renewed until the lease is lost or released, or idle is true.
func take(ctx context.Context, kv jetstream.KeyValue, ttl time.Duration, key, value string, idle func() bool) (*lease, error) {
	asked := time.Now()
	revision, err := compareAndSet(ctx, func() (uint64, error) { return kv.Create(ctx, key, []byte(value)) })
	if isConflict(err) {
		return nil, target.ErrClaimed
	}
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", key, err)
	}
	life, end := context.WithCancelCause(context.Background())
	l := &lease{kv: kv, key: key, value: value, ttl: ttl, life: life, end: end, done: make(chan struct{}), revision: revision}
	l.renewed.Store(&asked)
	go l.keep(idle)
	return l, nil
}

// keep renews the lease until it ends.
func (l *lease) keep(idle func() bool) {
	defer close(l.done)
	ticker := time.NewTicker(l.ttl / 6)
	defer ticker.Stop()
	for {
		select {
		case <-l.life.Done():
			return
		case <-ticker.C:
		}
		if idle() {
			l.end(errEnded)
		}
		if l.lost() != nil {
			return
		}
		if err := l.renew(); errors.Is(err, target.ErrConflict) {
			l.end(err)
		}
	}
}

// lost returns why the lease cannot be relied on any more, or nil. It is given up before the server expires the key, by a third
// of its life, so that a running request ends in time.
func (l *lease) lost() error {
	if age := time.Since(*l.renewed.Load()); age > l.ttl*2/3 && l.life.Err() == nil {
		l.end(fmt.Errorf("claim %s was not renewed for %s: %w", l.key, age.Round(time.Millisecond), target.ErrConflict))
	}
	return context.Cause(l.life)
}

func (l *lease) renew() error {
	ctx, cancel := context.WithTimeout(l.life, l.ttl/6)
	defer cancel()
	asked := time.Now()
	revision, err := l.kv.Update(ctx, l.key, []byte(l.value), l.revision)
	if isConflict(err) { // the answer to an earlier renewal may have been lost; the next tick renews again
		return l.adopt(ctx)
	}
	if err != nil {
		return fmt.Errorf("renew claim %s: %w", l.key, err)
	}
	l.revision = revision
	l.renewed.Store(&asked)
	return nil
}

// adopt takes the revision of the entry where it is that of this lease; target.ErrConflict where it is that of another, or gone.
func (l *lease) adopt(ctx context.Context) error {
	entry, err := l.kv.Get(ctx, l.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), err == nil && string(entry.Value()) != l.value:
		return fmt.Errorf("claim %s: %w", l.key, target.ErrConflict)
	case err != nil:
		return fmt.Errorf("read claim %s: %w", l.key, err)
	}
	l.revision = entry.Revision()
	return nil
}

// release ends the renewals and removes the key. After any error but target.ErrConflict the server expires the key later.
func (l *lease) release(ctx context.Context) error {
	l.end(errEnded)
	<-l.done
	remove := func() error { return l.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision)) }
	err := remove()
	if isConflict(err) {
		if err = l.adopt(ctx); err == nil {
			err = remove()
		}
	}
	if err != nil && !errors.Is(err, target.ErrConflict) {
		return fmt.Errorf("release claim %s: %w", l.key, err)
	}
	return err
}

// hold returns a context that ends with ctx, or as soon as the lease can no longer be relied on, and its end. A timer ends
// it too late in a process that was frozen: [target.Held] looks at the clock.
func (l *lease) hold(ctx context.Context) (context.Context, context.CancelFunc) {
	held, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(l.life, func() { cancel(context.Cause(l.life)) })
	check := func() {
		if err := l.lost(); err != nil {
			cancel(err)
		}
	}
	return target.WithClaim(held, check), func() { forget(); cancel(nil) }
}
