package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
)

// History calls each with every event that the filter matches and that was stored since the given time, oldest first; the zero
// time means all. An event that cannot be decoded comes with the error and has a sequence and, where the subject is that of
// a component, a key.
func (l *Log) History(ctx context.Context, filter string, since time.Time, each func(event.Event, error)) error {
	what := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if !since.IsZero() {
		what.DeliverPolicy, what.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	return l.conn.Read(ctx, l.stream, filter, what, func(m event.Message, sequence uint64) {
		each(decode(m, sequence))
	})
}

// Before returns the event that the given one was published after; false where the stream does not have it any more, or it
// cannot be decoded.
func (l *Log) Before(ctx context.Context, e event.Event) (event.Event, bool, error) {
	m, found, err := l.conn.At(ctx, StreamName, e.Sequence)
	if err != nil || !found {
		return event.Event{}, false, err
	}
	sequence := m.Follows()
	if sequence == 0 {
		return event.Event{}, false, nil
	}
	m, found, err = l.conn.At(ctx, StreamName, sequence)
	if err != nil || !found {
		return event.Event{}, false, err
	}
	before, err := event.Decode(m.Message, sequence)
	return before, err == nil, nil
}

func decode(m event.Message, sequence uint64) (event.Event, error) {
	e, err := event.Decode(m, sequence)
	if err != nil {
		e.Sequence = sequence
		e.Key, _ = event.ParseSubject(m.Subject) // zero where the subject is not that of a component
	}
	return e, err
}

// After reads the first event of a component after a sequence; false where there is none. Where it cannot be decoded, the error
// is [event.ErrMalformed] and the event has only its key and sequence.
func (l *Log) After(ctx context.Context, key component.Key, sequence uint64) (event.Event, bool, error) {
	subject := event.Subject(key)
	raw, err := l.stream.GetMsg(ctx, sequence+1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		// A lagging replica may have answered: ask the leader.
		last, found, err := l.conn.Last(ctx, StreamName, subject)
		if err == nil && found && last.Sequence > sequence {
			err = fmt.Errorf("read %s: a replica of the stream lacks message %d yet", subject, last.Sequence)
		}
		return event.Event{}, false, err
	}
	if err != nil {
		return event.Event{}, false, fmt.Errorf("read %s: %w", subject, err)
	}
	e, err := event.Decode(event.Message{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}, raw.Sequence)
	if err != nil {
		return event.Event{Key: key, Sequence: raw.Sequence}, true, fmt.Errorf("%w: %w", event.ErrMalformed, err)
	}
	return e, true, nil
}

// FirstSince returns the sequence of the first message that was stored at that time or later, by the clock of the server, or
// else the sequence of the next message.
func (l *Log) FirstSince(ctx context.Context, since time.Time) (uint64, error) {
	fail := func(err error) (uint64, error) {
		return 0, fmt.Errorf("find the first message since %s: %w", since.Format(time.RFC3339), err)
	}
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fail(err)
	}
	if info.State.Msgs == 0 || info.State.LastTime.Before(since) {
		return info.State.LastSeq + 1, nil
	}
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, HeadersOnly: true, MaxResetAttempts: 2,
	})
	if err != nil {
		return fail(err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return fail(err)
	}
	defer messages.Stop()
	msg, err := l.conn.Next(ctx, messages)
	if err != nil {
		return fail(err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return fail(err)
	}
	return meta.Sequence.Stream, nil
}
