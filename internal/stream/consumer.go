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

// AckWait is how long the server waits for an acknowledgement or progress before it redelivers a message.
const AckWait = 6 * time.Second

// pullExpiry is the life of a pull request. The server delivers messages to a replica that is frozen or gone until its last
// pull request has expired; each of them is redelivered after AckWait.
const pullExpiry = 3 * time.Second

// maxAckPending is how many messages may be unacknowledged or waiting for a retry, over all replicas.
const maxAckPending = 10_000

// recheckWait is the pause before the consumer is looked up again after an error.
const recheckWait = 200 * time.Millisecond

// Consumer is the durable pull consumer that the replicas of a target share.
type Consumer struct {
	conn     *natsconn.Conn
	consumer jetstream.Consumer
	created  time.Time
	messages jetstream.MessagesContext

	reconnects uint64 // of the connection when the consumer was last verified
}

// EnsureConsumer creates or updates the consumer of a target. registryURL, without credentials, is kept in its metadata: a
// replica with another registry under the same target is an error, since the two would share the messages and the registry
// ids in the sync state. Without clusters the components of every cluster are delivered.
func (l *Log) EnsureConsumer(ctx context.Context, target, registryURL string, clusters ...string) (*Consumer, error) {
	name := consumerName(target)
	want := jetstream.ConsumerConfig{
		Durable:        name,
		Description:    "Components for the registry of target " + target,
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        AckWait,
		MaxDeliver:     -1,
		MaxAckPending:  maxAckPending,
		FilterSubjects: filters(event.ComponentPrefix+".>", clusters, event.ClusterSubjects),
		Metadata:       map[string]string{natsconn.MetaPurpose: "syncer", natsconn.MetaLayout: natsconn.Layout, metaTarget: registryURL},
	}
	existing, err := l.stream.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		created, createErr := l.stream.CreateConsumer(ctx, want)
		if createErr == nil {
			l.conn.Logger().Info().Str("consumer", name).Msg("created consumer")
			return l.consumer(created), nil
		}
		if err = createErr; errors.Is(err, jetstream.ErrConsumerExists) { // another process created it with other settings
			existing, err = l.stream.Consumer(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ensure consumer %s: %w", name, err)
	}
	if err := checkRegistry(existing.CachedInfo().Config, target, registryURL); err != nil {
		return nil, err
	}
	consumer, err := l.stream.UpdateConsumer(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("update consumer %s: %w", name, err)
	}
	return l.consumer(consumer), nil
}

func (l *Log) consumer(c jetstream.Consumer) *Consumer {
	return &Consumer{
		conn: l.conn, consumer: c, created: c.CachedInfo().Created, reconnects: l.conn.NATS().Stats().Reconnects,
	}
}

// Open starts to pull, with at most buffer messages waiting in the process. It may be called again after [Consumer.Close].
func (c *Consumer) Open(ctx context.Context, buffer int) error {
	if err := c.verify(ctx); err != nil { // it may have been replaced while it was closed
		return fmt.Errorf("pull from consumer: %w", err)
	}
	messages, err := c.consumer.Messages(jetstream.PullMaxMessages(max(buffer, 2)),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(c.conn.Timing.Heartbeat))
	if err != nil {
		return fmt.Errorf("pull from consumer: %w", err)
	}
	c.messages = messages
	return nil
}

// Next returns the next message, or the error of the context. It waits while the server is away; after any other error the
// stream and the consumer must be opened anew.
func (c *Consumer) Next(ctx context.Context) (event.Delivery, error) {
	msg, err := c.messages.Next(jetstream.NextContext(ctx))
	for errors.Is(err, jetstream.ErrNoHeartbeat) {
		if err = c.verify(ctx); errors.Is(err, errReplaced) {
			break
		}
		msg, err = c.messages.Next(jetstream.NextContext(ctx))
	}
	if err == nil {
		if err = c.recheck(ctx); err != nil {
			_ = msg.NakWithDelay(0) // a lost answer only delays the message by AckWait
		}
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
	m := event.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()}
	d.First = m.Follows() == 0
	d.Event, d.Err = decode(m, meta.Sequence.Stream)
	return d, nil
}

// errReplaced is returned where the consumer is gone or another one has its name.
var errReplaced = errors.New("the consumer was removed or created anew")

// recheck verifies the consumer where the connection was lost since the last time: it may belong to another stream now, whose
// sequences are not those of the sync state.
func (c *Consumer) recheck(ctx context.Context) error {
	for {
		reconnects := c.conn.NATS().Stats().Reconnects
		if reconnects == c.reconnects {
			return nil
		}
		err := c.verify(ctx)
		if errors.Is(err, errReplaced) {
			return err
		}
		if err == nil {
			c.reconnects = reconnects
			continue
		}
		select { // the server, or the consumer's leader, is away for a moment
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(recheckWait):
		}
	}
}

// verify returns errReplaced where the consumer is not the one that was opened.
func (c *Consumer) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, natsconn.RequestTimeout)
	defer cancel()
	info, err := c.consumer.Info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return errReplaced
	case err != nil:
		return fmt.Errorf("read the consumer: %w", err)
	case !info.Created.Equal(c.created):
		return errReplaced
	}
	return nil
}

// Close stops to pull and requeues what waits in the process.
func (c *Consumer) Close() {
	if c.messages == nil {
		return
	}
	defer c.messages.Stop()
	if !c.conn.NATS().IsConnected() {
		return // the messages are redelivered after AckWait
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.messages.Drain()
	for {
		msg, err := c.messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return
		}
		_ = msg.NakWithDelay(0) // a lost answer only delays the message by AckWait
	}
}

// Backlog counts the messages that wait for a target, over all replicas.
type Backlog struct {
	Pending    uint64 // not delivered yet
	AckPending int    // delivered and not acknowledged, retries included
	// Done is the sequence up to which every message is acknowledged, Delivered the newest one that was delivered.
	Done, Delivered uint64
}

// Backlog reads the backlog from the server.
func (c *Consumer) Backlog(ctx context.Context) (Backlog, error) {
	info, err := c.consumer.Info(ctx)
	if err != nil {
		return Backlog{}, fmt.Errorf("read the backlog: %w", err)
	}
	return backlogOf(info), nil
}

// age is the age of the oldest unacknowledged message; 0 where there is none. It compares the clocks of this machine and the
// server.
func (c *Consumer) age(ctx context.Context, now *jetstream.ConsumerInfo) (time.Duration, error) {
	if now.NumPending == 0 && now.NumAckPending == 0 {
		return 0, nil
	}
	m, found, err := c.conn.From(ctx, StreamName, event.ComponentPrefix+".>", now.AckFloor.Stream+1, "the oldest unacknowledged message")
	if err != nil || !found {
		return 0, err
	}
	return max(time.Since(m.Time), 0), nil
}

// Backlog reads the backlog of a target from the server.
func (l *Log) Backlog(ctx context.Context, target string) (Backlog, error) {
	consumer, err := l.stream.Consumer(ctx, consumerName(target))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return Backlog{}, fmt.Errorf("target %q has no consumer yet: start a syncer, which creates it", target)
	}
	if err != nil {
		return Backlog{}, fmt.Errorf("read the backlog of target %q: %w", target, err)
	}
	return backlogOf(consumer.CachedInfo()), nil
}

func backlogOf(info *jetstream.ConsumerInfo) Backlog {
	return Backlog{Pending: info.NumPending, AckPending: info.NumAckPending, Done: info.AckFloor.Stream, Delivered: info.Delivered.Stream}
}

// filters returns a subject for each cluster, or the one for all.
func filters(all string, clusters []string, of func(cluster string) string) []string {
	if len(clusters) == 0 {
		return []string{all}
	}
	subjects := make([]string, len(clusters))
	for i, cluster := range clusters {
		subjects[i] = of(cluster)
	}
	return subjects
}

// consumerName is the durable name of a target's consumer.
func consumerName(target string) string { return consumerPrefix + event.Token(target) }

const consumerPrefix = "syncer-"
