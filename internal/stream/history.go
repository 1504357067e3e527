package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
)

// followPause is how long Follow waits before it opens a lost reading again.
const followPause = time.Second

// History calls each with every event that the filter matches and that the stream has taken since the given time, oldest
// first; the zero time means all. What cannot be decoded is reported with the error, and its event has a sequence and,
// where the subject is a component's, a key.
func (l *Log) History(ctx context.Context, filter string, since time.Time, each func(event.Event, error)) error {
	what := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if !since.IsZero() {
		what.DeliverPolicy, what.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	return l.conn.read(ctx, l.stream, filter, what, func(m event.Message, sequence uint64) {
		each(decode(m, sequence))
	})
}

// Follow is History since a time, or of nothing where that is zero, and then calls each with every new event until the
// context ends, which gives no error, or each returns one, which it passes on. No event is left out or comes twice, also
// while the server is away. It returns ErrLogMissing when the stream is gone.
func (l *Log) Follow(ctx context.Context, filter string, since time.Time, each func(event.Event, error) error) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", StreamName, err)
	}
	f := follower{log: l, filter: filter, done: info.State.LastSeq, each: each}
	ctx, f.stop = context.WithCancel(ctx)
	defer f.stop()
	if !since.IsZero() {
		err = l.History(ctx, filter, since, f.take)
	}
	if err == nil {
		err = f.run(ctx)
	}
	if f.refused != nil || ctx.Err() != nil {
		return f.refused
	}
	return err
}

// follower hands on one event after the other.
type follower struct {
	log     *Log
	filter  string
	done    uint64 // the sequence up to which everything was handed on
	each    func(event.Event, error) error
	stop    context.CancelFunc
	refused error // what each returned
}

func (f *follower) take(e event.Event, err error) {
	if f.refused != nil {
		return
	}
	f.done = max(f.done, e.Sequence)
	if f.refused = f.each(e, err); f.refused != nil {
		f.stop()
	}
}

// run opens a reading that was lost again and again, from where it ended: the server may be away for a while. Only the
// first must succeed at once.
func (f *follower) run(ctx context.Context) error {
	for opened := false; ; opened = true {
		messages, err := f.log.conn.messages(ctx, f.log.stream, f.filter, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.done + 1,
		})
		if err != nil && !opened {
			return fmt.Errorf("read %s: %w", f.filter, err)
		}
		if err == nil {
			err = f.read(ctx, messages)
			messages.Stop()
		}
		if errors.Is(err, ErrLogMissing) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followPause):
		}
	}
}

// read ends with an error. A reading that is silent for long may be one of a stream that was removed.
func (f *follower) read(ctx context.Context, messages jetstream.MessagesContext) error {
	for {
		msg, err := next(ctx, messages, f.log.conn.timing.idle)
		if errors.Is(err, errQuiet) {
			if err := f.log.Check(ctx); errors.Is(err, ErrLogMissing) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		f.take(decode(event.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()}, meta.Sequence.Stream))
	}
}

// Before returns the event that the given one was published after, if the stream still has it and it can be read.
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
		e.Key, _ = event.ParseSubject(m.Subject) // a zero key where the subject is foreign; the error says so
	}
	return e, err
}
