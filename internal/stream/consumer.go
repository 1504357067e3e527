package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
)

// AckWait is how long the server waits for a sign of life about a message before it gives it to another replica.
const AckWait = 6 * time.Second

// maxAckPending is how many messages may be out or waiting for a retry, over all replicas.
const maxAckPending = 10_000

// Consumer is the durable pull consumer that the replicas of a target share.
type Consumer struct {
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
}

// EnsureConsumer creates or updates the consumer of a target. registryURL is remembered in it (without credentials):
// a replica with another registry under the same target is refused, since the two would share the messages and the
// registry ids in the sync state.
func (l *Log) EnsureConsumer(ctx context.Context, target, registryURL string) (*Consumer, error) {
	name := "syncer-" + event.Token(target)
	want := jetstream.ConsumerConfig{
		Durable:        name,
		Description:    "Components for the registry of target " + target,
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        AckWait,
		MaxDeliver:     -1,
		MaxAckPending:  maxAckPending,
		FilterSubjects: []string{event.ComponentPrefix + ".>"},
		Metadata:       map[string]string{metaPurpose: "syncer", metaLayout: Layout, metaTarget: registryURL},
	}
	existing, err := l.stream.Consumer(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		l.conn.log.Info().Str("consumer", name).Msg("creating consumer")
	case err != nil:
		return nil, fmt.Errorf("open consumer %s: %w", name, err)
	default:
		have := existing.CachedInfo().Config
		if have.Metadata[metaPurpose] != "syncer" || have.Metadata[metaLayout] != Layout {
			return nil, fmt.Errorf("consumer %s of stream %s is not this version's (layout %q): remove it with `nats consumer rm %s %s`",
				name, StreamName, have.Metadata[metaLayout], StreamName, name)
		}
		if url := have.Metadata[metaTarget]; url != registryURL {
			return nil, fmt.Errorf("target %q feeds the registry at %s, not %s: give this syncer another SYNC_TARGET "+
				"(what the registry already holds is found and kept)", target, url, registryURL)
		}
		want.DeliverPolicy = have.DeliverPolicy
	}
	consumer, err := l.stream.CreateOrUpdateConsumer(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("ensure consumer %s: %w", name, err)
	}
	return &Consumer{consumer: consumer}, nil
}

// Open starts pulling with at most buffer messages waiting in the process.
func (c *Consumer) Open(buffer int) error {
	messages, err := c.consumer.Messages(jetstream.PullMaxMessages(max(buffer, 2)), jetstream.PullExpiry(30*time.Second))
	if err != nil {
		return fmt.Errorf("pull from consumer: %w", err)
	}
	c.messages = messages
	return nil
}

// Next returns the next message, or the context's error. A server that is away is waited for; after any other error
// the consumer must be opened anew.
func (c *Consumer) Next(ctx context.Context) (event.Delivery, error) {
	msg, err := c.messages.Next(jetstream.NextContext(ctx))
	for errors.Is(err, jetstream.ErrNoHeartbeat) {
		msg, err = c.messages.Next(jetstream.NextContext(ctx))
	}
	if err != nil && ctx.Err() != nil {
		return event.Delivery{}, ctx.Err()
	}
	if err != nil {
		return event.Delivery{}, fmt.Errorf("next message: %w", err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return event.Delivery{}, fmt.Errorf("next message: %w", err)
	}
	d := event.Delivery{
		Attempt:  int(min(meta.NumDelivered, 1<<30)),
		Ack:      msg.Ack,
		Retry:    msg.NakWithDelay,
		Drop:     msg.TermWithReason,
		Progress: msg.InProgress,
	}
	d.Event, d.Err = event.Decode(event.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()}, meta.Sequence.Stream)
	if d.Err != nil {
		d.Sequence = meta.Sequence.Stream
		d.Key, _ = event.ParseSubject(msg.Subject()) // a zero key where the subject is foreign; Err says so
	}
	return d, nil
}

// Close stops pulling and hands back what waits in the process.
func (c *Consumer) Close() {
	if c.messages == nil {
		return
	}
	c.messages.Drain()
	for {
		msg, err := c.messages.Next()
		if err != nil {
			return
		}
		_ = msg.NakWithDelay(0) // a lost answer only delays the message by AckWait
	}
}

// Backlog is what waits for a target, over all replicas.
type Backlog struct {
	Pending    uint64 // not delivered yet
	Unfinished int    // delivered and not acknowledged, retries included
}

// Backlog asks the server.
func (c *Consumer) Backlog(ctx context.Context) (Backlog, error) {
	info, err := c.consumer.Info(ctx)
	if err != nil {
		return Backlog{}, fmt.Errorf("read the backlog: %w", err)
	}
	return Backlog{Pending: info.NumPending, Unfinished: info.NumAckPending}, nil
}
