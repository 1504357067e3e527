package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/natsconn"
)

// followPause is how long [Log.Follow] waits before it opens a lost consumer again.
const followPause = time.Second

// Follow calls each with the events since a time, as [Log.History] does, or with none of them where it is zero, and then with
// every new event. It returns nil once the context has ended, the error of each, or [ErrLogMissing] where the stream is gone.
// No event is left out or comes twice, also across restarts of the server.
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
	if f.failed != nil || ctx.Err() != nil {
		return f.failed
	}
	return err
}

// follower delivers one event after the other.
type follower struct {
	log    *Log
	filter string
	done   uint64 // the last delivered sequence
	each   func(event.Event, error) error
	stop   context.CancelFunc
	failed error // what each returned
}

func (f *follower) take(e event.Event, err error) {
	if f.failed != nil {
		return
	}
	f.done = max(f.done, e.Sequence)
	if f.failed = f.each(e, err); f.failed != nil {
		f.stop()
	}
}

// run opens a consumer whenever the last one was lost, behind the last delivered event: the server may be away for a while.
// Only the first must succeed at once.
func (f *follower) run(ctx context.Context) error {
	for opened := false; ; opened = true {
		messages, err := f.log.conn.Messages(ctx, f.log.stream, f.filter, jetstream.OrderedConsumerConfig{
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

// read delivers until an error. A consumer that is silent for long may be one of a stream that was removed.
func (f *follower) read(ctx context.Context, messages jetstream.MessagesContext) error {
	for {
		msg, err := f.log.conn.Next(ctx, messages)
		if errors.Is(err, natsconn.ErrQuiet) {
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
