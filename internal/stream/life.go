package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"odasync/internal/component"
	"odasync/internal/event"
)

// life is what a process has learned about the stream it is connected to. A stream may come back older than it was, from a
// backup or without its last messages; the server is restarted for that, so that every connection is lost.
type life struct {
	mu         sync.Mutex
	reconnects uint64 // of the connection, before floor was read
	floor      uint64 // the stream's last sequence then

	ends struct { // the stream's last sequence, read twice with a pause in between
		at   time.Time
		last uint64
	}
}

// Restored says whether the stream is known to have lost the message with that sequence, which the key once had: it came
// back older than it was. False where that is not certain; whoever asked tries again later.
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
	// It was removed. Messages are removed oldest first, so that one that stands before it was never its predecessor.
	newest, found, err := l.conn.Last(ctx, StreamName, subject)
	return err == nil && found && newest.Sequence < sequence, err
}

// endsPause is the time between two readings of the stream's end, and endsFor how long their agreement holds.
const (
	endsPause = time.Second
	endsFor   = 10 * time.Second
)

// ends returns the stream's last sequence. The leader of a replicated stream may have been elected a moment ago and not
// have caught up, or be none any more without knowing: two readings with a pause between them must come from a leader that
// a majority follows. One answer serves all who ask at about the same time.
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
			return 0, fmt.Errorf("read the end of stream %s: its leader is followed by no majority", StreamName)
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

// Complete returns the newest snapshot marker of the cluster if it proves what the stream lacks: what the marker lists and
// the stream has no message of does not exist. A marker from before this connection proves nothing, since the stream may
// have come back older than it was.
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
	return marker, err == nil, nil // one that cannot be read proves nothing
}

// floor is the stream's last sequence when the present connection began to use it.
func (l *Log) floor(ctx context.Context) (uint64, error) {
	l.life.mu.Lock()
	defer l.life.mu.Unlock()
	for {
		reconnects := l.conn.nc.Stats().Reconnects
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
