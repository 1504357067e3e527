package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
)

// ErrTooLarge is returned where an event exceeds the server's max_payload. Another version of the component may fit.
var ErrTooLarge = errors.New("larger than the nats server's max_payload: raise it on the server or shrink the component")

// SupersededError is returned where a subject has another last message than expected.
type SupersededError struct{ Head event.Head }

// Error names the message and the component.
func (e *SupersededError) Error() string {
	return fmt.Sprintf("superseded by message %d of %s", e.Head.Sequence, e.Head.Key)
}

// Superseded returns the subject's last message if the error is, or wraps, a [SupersededError].
func Superseded(err error) (last event.Head, superseded bool) {
	var found *SupersededError
	if !errors.As(err, &found) {
		return event.Head{}, false
	}
	return found.Head, true
}

// Publish appends the event where expected is the last sequence of its subject (0: no message yet), and returns its sequence.
// It returns [*SupersededError], [ErrTooLarge], [ErrLogMissing], or a transient error. Repeating a publish whose answer was
// lost returns the sequence of the stored message.
func (l *Log) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	m := event.Encode(e, expected)
	sequence, err := l.append(ctx, e.Key, m, expected)
	if errors.Is(err, errRemoved) {
		sequence, err = l.append(ctx, e.Key, renamed(m), expected)
	}
	return sequence, err
}

// append is one attempt to publish.
func (l *Log) append(ctx context.Context, key component.Key, m event.Message, expected uint64) (uint64, error) {
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	ack, err := l.conn.JetStream().PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithExpectStream(StreamName))
	switch {
	case err == nil && ack.Duplicate:
		return l.repeated(ctx, key, m.MessageID())
	case err == nil:
		return ack.Sequence, nil
	case errors.Is(err, nats.ErrMaxPayload), natsconn.HasCode(err, jetstream.JSErrCodeStreamMessageExceedsMaximum):
		return 0, fmt.Errorf("publish %s (%d bytes): %w", key, len(m.Data), ErrTooLarge)
	case natsconn.HasCode(err, jetstream.JSErrCodeStreamWrongLastSequence), natsconn.HasCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return l.resolve(ctx, key, m.MessageID(), expected, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		if _, infoErr := l.conn.JetStream().Stream(ctx, StreamName); errors.Is(infoErr, jetstream.ErrStreamNotFound) {
			return 0, ErrLogMissing
		}
	}
	return 0, fmt.Errorf("publish %s: %w", key, err)
}

// resolve finds out after a conflict whether the last message of the subject is the one that was published. Where it is the
// expected one, a new leader of the stream answered before it had caught up: that is transient.
func (l *Log) resolve(ctx context.Context, key component.Key, id string, expected uint64, conflict error) (uint64, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.Subject(key))
	switch {
	case err != nil:
		return 0, err
	case m.Sequence == expected:
		return 0, fmt.Errorf("publish %s: %w", key, conflict)
	case !found:
		// The expected message was purged: the subject is empty again.
		return 0, &SupersededError{Head: event.Head{Key: key, Deleted: true}}
	case m.MessageID() == id:
		return m.Sequence, nil
	}
	head, _ := l.head(m.Message, m.Sequence)
	return 0, &SupersededError{Head: head}
}

// errRemoved is returned where the server remembers the id of a message that was removed from the stream since.
var errRemoved = errors.New("the same message was published and removed a moment ago")

// renamed gives the message a new id.
func renamed(m event.Message) event.Message {
	again := []string{m.MessageID() + "/" + nuid.Next()}
	m.Header[event.HeaderMessageID], m.Header[event.HeaderID] = again, again
	return m
}

// repeated finds out whether a message that the server calls a duplicate is still stored: it may have been purged.
func (l *Log) repeated(ctx context.Context, key component.Key, id string) (uint64, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.Subject(key))
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, fmt.Errorf("publish %s: %w", key, errRemoved)
	case m.MessageID() == id:
		return m.Sequence, nil
	}
	head, _ := l.head(m.Message, m.Sequence)
	return 0, &SupersededError{Head: head}
}
