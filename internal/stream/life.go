package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// life is what is known about the present life of the stream. A stream may be restored to an older state, from a backup or
// without its last messages; the server is restarted for that, so that every connection is lost.
type life struct {
	mu         sync.Mutex
	reconnects uint64 // of the connection, before floor was read
	floor      uint64 // the last sequence of the stream then

	ends struct { // the last sequence of the stream, read twice with a pause in between
		at   time.Time
		last uint64
	}
}

// Restored reports whether the stream has certainly lost the message with that sequence, which the component once had: it was
// restored to an older state. Where it is false, ask again later.
func (l *Log) Restored(ctx context.Context, key component.Key, sequence uint64) (bool, error) {
	subject := event.Subject(key)
	m, found, err := l.conn.At(ctx, StreamName, sequence)
	if err != nil {
		return false, err
	}
	if found {
		return m.Subject != subject, nil
	}
	last, err := l.ends(ctx)
	if err != nil || last < sequence {
		return err == nil, err
	}
	// It was removed. Messages are removed oldest first, so that an older one that is left was never its predecessor.
	newest, found, err := l.conn.Last(ctx, StreamName, subject)
	return err == nil && found && newest.Sequence < sequence, err
}

// endsPause is the time between two reads of the last sequence, and endsFor how long the result is used.
const (
	endsPause = time.Second
	endsFor   = 10 * time.Second
)

// ends returns the last sequence of the stream. The leader of a replicated stream may not have caught up after its election,
// or may have lost the lead without noticing: two reads with a pause between them must come from a leader that a majority
// follows. One result serves all callers of about the same time.
func (l *Log) ends(ctx context.Context) (uint64, error) {
	l.life.mu.Lock()
	defer l.life.mu.Unlock()
	if time.Since(l.life.ends.at) < endsFor {
		return l.life.ends.last, nil
	}
	var last uint64
	for reading := range 2 {
		info, err := l.stream.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the end of stream %s: %w", StreamName, err)
		}
		last = max(last, info.State.LastSeq)
		if info.Config.Replicas == 1 || info.Cluster == nil {
			break
		}
		following := 1
		for _, replica := range info.Cluster.Replicas {
			if replica.Current && replica.Active < 2*endsPause {
				following++
			}
		}
		if following <= info.Config.Replicas/2 {
			return 0, fmt.Errorf("read the end of stream %s: no majority follows its leader", StreamName)
		}
		if reading > 0 {
			break
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(endsPause):
		}
	}
	l.life.ends.at, l.life.ends.last = time.Now(), last
	return last, nil
}

// Complete returns the last snapshot marker of the cluster where it proves absence: a component in the scopes that it covers
// does not exist if the stream has no message of it. A marker from before this connection proves nothing, since the stream
// may have been restored to an older state.
func (l *Log) Complete(ctx context.Context, cluster string) (event.Snapshot, bool, error) {
	floor, err := l.floor(ctx)
	if err != nil {
		return event.Snapshot{}, false, err
	}
	m, found, err := l.conn.Last(ctx, StreamName, event.SnapshotSubject(cluster))
	if err != nil || !found || m.Sequence <= floor {
		return event.Snapshot{}, false, err
	}
	marker, err := event.DecodeSnapshot(m.Message)
	return marker, err == nil, nil // a malformed marker proves nothing
}

// floor is the last sequence of the stream when the present connection began to use it.
func (l *Log) floor(ctx context.Context) (uint64, error) {
	l.life.mu.Lock()
	defer l.life.mu.Unlock()
	for {
		reconnects := l.conn.NATS().Stats().Reconnects
		if l.life.reconnects == reconnects {
			return l.life.floor, nil
		}
		info, err := l.stream.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the end of stream %s: %w", StreamName, err)
		}
		l.life.reconnects, l.life.floor = reconnects, info.State.LastSeq
	}
}
