package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Log is the stream of component events.
type Log struct {
	conn    *Conn
	stream  jetstream.Stream
	created time.Time
	life    life
}

// Conn returns the connection of the log.
func (l *Log) Conn() *Conn { return l.conn }

// newLog expects the reconnects of the connection from before the stream was asked for.
func newLog(c *Conn, s jetstream.Stream, reconnects uint64) *Log {
	info := s.CachedInfo()
	return &Log{conn: c, stream: s, created: info.Created, life: life{reconnects: reconnects, floor: info.State.LastSeq}}
}

// Check returns ErrLogMissing where the stream was removed, also if another stands in its place by now. Any other error
// is passing.
func (l *Log) Check(ctx context.Context) error {
	now, err := l.conn.js.Stream(ctx, StreamName)
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

// ErrTooLarge says that an event does not fit the server's max_payload. Another version of the component may.
var ErrTooLarge = errors.New("larger than the nats server's max_payload: raise it on the server or shrink the component")

// ErrLogMissing says that the stream no longer exists.
var ErrLogMissing = fmt.Errorf("stream %s does not exist any more", StreamName)

// SupersededError says that a publish was refused because the subject has a newer message than expected.
type SupersededError struct{ Head event.Head }

func (e *SupersededError) Error() string {
	return fmt.Sprintf("superseded by message %d of %s", e.Head.Sequence, e.Head.Key)
}

// Publish appends the event if the subject's last sequence is still expected (0: no message yet) and returns its
// sequence. It returns *SupersededError, ErrTooLarge, ErrLogMissing, or a passing error. Repeating a publish whose
// answer was lost returns the sequence of the message that is there.
func (l *Log) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	m := event.Encode(e, expected)
	sequence, err := l.append(ctx, e.Key, m, expected)
	if errors.Is(err, errRemoved) {
		sequence, err = l.append(ctx, e.Key, renamed(m), expected)
	}
	return sequence, err
}

// append is one try to publish.
func (l *Log) append(ctx context.Context, key component.Key, m event.Message, expected uint64) (uint64, error) {
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	ack, err := l.conn.js.PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithExpectStream(StreamName))
	switch {
	case err == nil && ack.Duplicate:
		return l.repeated(ctx, key, m.MessageID())
	case err == nil:
		return ack.Sequence, nil
	case errors.Is(err, nats.ErrMaxPayload), HasCode(err, jetstream.JSErrCodeStreamMessageExceedsMaximum):
		return 0, fmt.Errorf("publish %s (%d bytes): %w", key, len(m.Data), ErrTooLarge)
	case HasCode(err, jetstream.JSErrCodeStreamWrongLastSequence), HasCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return l.settle(ctx, key, m.MessageID(), expected, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		if _, infoErr := l.conn.js.Stream(ctx, StreamName); errors.Is(infoErr, jetstream.ErrStreamNotFound) {
			return 0, ErrLogMissing
		}
	}
	return 0, fmt.Errorf("publish %s: %w", key, err)
}

// settle finds out after a refused publish whether the message that stands there is our own. Where it is the expected
// one, a new leader of the stream refused before it had caught up: that passes.
func (l *Log) settle(ctx context.Context, key component.Key, id string, expected uint64, refusal error) (uint64, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.Subject(key))
	switch {
	case err != nil:
		return 0, err
	case m.Sequence == expected:
		return 0, fmt.Errorf("publish %s: %w", key, refusal)
	case !found:
		// The expected message was purged: the subject is empty again.
		return 0, &SupersededError{Head: event.Head{Key: key, Deleted: true}}
	case m.MessageID() == id:
		return m.Sequence, nil
	}
	head, _ := l.head(m.Message, m.Sequence)
	return 0, &SupersededError{Head: head}
}

// head decodes a message's head. One that is no component event has a head without hash, which equals nothing, so that
// the watcher writes over it; false says that its subject belongs to no component.
func (l *Log) head(m event.Message, sequence uint64) (event.Head, bool) {
	head, err := event.DecodeHead(m, sequence)
	if err == nil {
		return head, true
	}
	l.conn.log.Warn().Err(err).Msg("a message in the stream is no component event")
	key, err := event.ParseSubject(m.Subject)
	return event.Head{Key: key, Sequence: sequence}, err == nil
}

// Newest reads the last message of the key's subject from the stream's leader. Where that cannot be decoded, the error is
// event.ErrUnreadable and the event has only its key and sequence.
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

// Heads calls each with the last message of every component of the cluster, without bodies, oldest first. A key may
// come again with a newer message that was published meanwhile. A message that is no component event gives a head
// without hash.
func (l *Log) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	return l.conn.Scan(ctx, l.stream, event.ClusterSubjects(cluster), true, func(m event.Message, sequence uint64) {
		if head, ok := l.head(m, sequence); ok {
			each(head)
		}
	})
}

// Newests calls each with the newest event of every component that the filter matches, tombstones included, oldest first.
// One that cannot be decoded is reported with the error, and has its key and sequence.
func (l *Log) NewestOfEach(ctx context.Context, filter string, each func(event.Event, error)) error {
	return l.conn.Scan(ctx, l.stream, filter, false, func(m event.Message, sequence uint64) {
		each(decode(m, sequence))
	})
}

// Messages counts what the stream holds.
func (l *Log) Messages(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", StreamName, err)
	}
	return info.State.Msgs, nil
}

// HasCode reports whether the error is an answer of JetStream with the code.
func HasCode(err error, code jetstream.ErrorCode) bool {
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && apiErr.ErrorCode == code
}
