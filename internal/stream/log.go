package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
)

// Log is the stream of component events.
type Log struct {
	conn    *natsconn.Conn
	stream  jetstream.Stream
	created time.Time
	life    life
}

// Conn returns the connection of the log.
func (l *Log) Conn() *natsconn.Conn { return l.conn }

// newLog takes the number of reconnects from before the stream was looked up.
func newLog(c *natsconn.Conn, s jetstream.Stream, reconnects uint64) *Log {
	info := s.CachedInfo()
	return &Log{conn: c, stream: s, created: info.Created, life: life{reconnects: reconnects, floor: info.State.LastSeq}}
}

// Check returns [ErrLogMissing] where the stream was removed, also where it has been created anew. Any other error is
// transient.
func (l *Log) Check(ctx context.Context) error {
	now, err := l.conn.JetStream().Stream(ctx, StreamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrLogMissing
	case err != nil:
		return fmt.Errorf("look for stream %s: %w", StreamName, err)
	case !now.CachedInfo().Created.Equal(l.created):
		return ErrLogMissing
	}
	return nil
}

// ErrLogMissing is returned where the stream no longer exists.
var ErrLogMissing error = natsconn.StreamMissingError(StreamName)

// head decodes the head of a message. A malformed message gives a head without hash, which equals nothing, so that the watcher
// overwrites it; false where its subject is not that of a component.
func (l *Log) head(m event.Message, sequence uint64) (event.Head, bool) {
	head, err := event.DecodeHead(m, sequence)
	if err == nil {
		return head, true
	}
	l.conn.Logger().Warn().Err(err).Msg("malformed message in the stream")
	key, err := event.ParseSubject(m.Subject)
	return event.Head{Key: key, Sequence: sequence}, err == nil
}

// Newest reads the last event of a component from the leader of the stream; false where there is none. Where it cannot be
// decoded, the error is [event.ErrMalformed] and the event has only its key and sequence.
func (l *Log) Newest(ctx context.Context, key component.Key) (event.Event, bool, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.Subject(key))
	if err != nil || !found {
		return event.Event{}, false, err
	}
	e, err := event.Decode(m.Message, m.Sequence)
	if err != nil {
		return event.Event{Key: key, Sequence: m.Sequence}, true, fmt.Errorf("%w: %w", event.ErrMalformed, err)
	}
	return e, true, nil
}

// Heads calls each with the head of the last message of every component of the cluster, oldest first. A key may come again
// with a newer message that was published meanwhile. A malformed message gives a head without hash.
func (l *Log) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	return l.conn.Scan(ctx, l.stream, event.ClusterSubjects(cluster), true, func(m event.Message, sequence uint64) {
		if head, ok := l.head(m, sequence); ok {
			each(head)
		}
	})
}

// NewestOfEach calls each with the last event of every component that the filter matches, tombstones included, oldest first.
// An event that cannot be decoded has only its key and sequence and comes with the error.
func (l *Log) NewestOfEach(ctx context.Context, filter string, each func(event.Event, error)) error {
	return l.conn.Scan(ctx, l.stream, filter, false, func(m event.Message, sequence uint64) {
		each(decode(m, sequence))
	})
}

// Messages counts the messages of the stream.
func (l *Log) Messages(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", StreamName, err)
	}
	return info.State.Msgs, nil
}

// Created is when the stream was created. Sequences of streams that were created at different times are not comparable.
func (l *Log) Created() time.Time { return l.created }

// MessageCounts counts the messages of every component of the cluster.
func (l *Log) MessageCounts(ctx context.Context, cluster string) (map[component.Key]uint64, error) {
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(event.ClusterSubjects(cluster)))
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", StreamName, err)
	}
	counts := make(map[component.Key]uint64, len(info.State.Subjects))
	for subject, count := range info.State.Subjects {
		if key, err := event.ParseSubject(subject); err == nil {
			counts[key] = count
		}
	}
	return counts, nil
}
