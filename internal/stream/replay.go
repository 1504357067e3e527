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

// Created tells one life of the stream from another: sequences count within one.
func (l *Log) Created() time.Time { return l.created }

// Recorded counts the messages of every component of the cluster.
func (l *Log) Recorded(ctx context.Context, cluster string) (map[component.Key]uint64, error) {
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

// After reads the first event of the key behind a sequence; false says that there is none. Where it cannot be decoded,
// the error is event.ErrUnreadable and the event has only its key and sequence.
func (l *Log) After(ctx context.Context, key component.Key, sequence uint64) (event.Event, bool, error) {
	subject := event.Subject(key)
	raw, err := l.stream.GetMsg(ctx, sequence+1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		// A replica that lags may have answered: the leader knows.
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

// FirstSince returns the sequence of the first message that the stream took at that time or later, or the one that its
// next message will have. It goes by the server's clock alone.
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
	msg, err := next(ctx, messages, l.conn.timing.idle)
	if err != nil {
		return fail(err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return fail(err)
	}
	return meta.Sequence.Stream, nil
}
