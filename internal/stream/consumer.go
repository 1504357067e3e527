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

// pullExpiry is how long a request for messages stands. The server goes on giving messages to a replica that is frozen, or
// whose machine is gone without a word, until its last request has ended; each of them then waits for AckWait.
const pullExpiry = 3 * time.Second

// maxAckPending is how many messages may be out or waiting for a retry, over all replicas.
const maxAckPending = 10_000

// recheckWait is the pause before the server is asked again for a consumer that it could not tell of.
const recheckWait = 200 * time.Millisecond

// Consumer is the durable pull consumer that the replicas of a target share.
type Consumer struct {
	conn     *Conn
	consumer jetstream.Consumer
	created  time.Time
	messages jetstream.MessagesContext

	reconnects uint64 // of the connection when the consumer was last known to be the same
}

// EnsureConsumer creates or updates the consumer of a target. registryURL is remembered in it (without credentials):
// a replica with another registry under the same target is refused, since the two would share the messages and the
// registry ids in the sync state. Without clusters the components of all are delivered.
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
		Metadata:       map[string]string{metaPurpose: "syncer", metaLayout: Layout, metaTarget: registryURL},
	}
	existing, err := l.stream.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		created, createErr := l.stream.CreateConsumer(ctx, want)
		if createErr == nil {
			l.conn.log.Info().Str("consumer", name).Msg("created consumer")
			return l.consumer(created), nil
		}
		if err = createErr; errors.Is(err, jetstream.ErrConsumerExists) { // somebody was faster, with other settings
			existing, err = l.stream.Consumer(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ensure consumer %s: %w", name, err)
	}
	if err := checkFeeds(existing.CachedInfo().Config, target, registryURL); err != nil {
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
		conn: l.conn, consumer: c, created: c.CachedInfo().Created, reconnects: l.conn.nc.Stats().Reconnects,
	}
}

// Open starts pulling with at most buffer messages waiting in the process. It may be called again after Close.
func (c *Consumer) Open(ctx context.Context, buffer int) error {
	if err := c.verify(ctx); err != nil { // while it was closed, another may have taken its name
		return fmt.Errorf("pull from consumer: %w", err)
	}
	messages, err := c.consumer.Messages(jetstream.PullMaxMessages(max(buffer, 2)),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(c.conn.timing.heartbeat))
	if err != nil {
		return fmt.Errorf("pull from consumer: %w", err)
	}
	c.messages = messages
	return nil
}

// Next returns the next message, or the context's error. A server that is away is waited for; after any other error
// the stream and the consumer must be opened anew.
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

// errReplaced says that the consumer is gone, or another one stands under its name.
var errReplaced = errors.New("the consumer was removed or created anew")

// recheck makes sure that the consumer is still the one that was opened, if the connection was lost since that was
// known: it may stand on another stream now, whose sequences are not those of the sync state.
func (c *Consumer) recheck(ctx context.Context) error {
	for {
		reconnects := c.conn.nc.Stats().Reconnects
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

// verify asks whether the consumer is still the one that was opened.
func (c *Consumer) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
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

// Close stops pulling and hands back what waits in the process.
func (c *Consumer) Close() {
	if c.messages == nil {
		return
	}
	defer c.messages.Stop()
	if !c.conn.nc.IsConnected() {
		return // the messages come again by themselves after AckWait
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

// Backlog is what waits for a target, over all replicas.
type Backlog struct {
	Pending    uint64 // not delivered yet
	AckPending int    // delivered and not acknowledged, retries included
	// Done is the sequence up to which every message is acknowledged, Delivered the newest that was ever delivered.
	Done, Delivered uint64
}

// Backlog asks the server.
func (c *Consumer) Backlog(ctx context.Context) (Backlog, error) {
	info, err := c.consumer.Info(ctx)
	if err != nil {
		return Backlog{}, fmt.Errorf("read the backlog: %w", err)
	}
	return backlogOf(info), nil
}

// age is how long ago the oldest message without an outcome came into the stream; 0 where there is none. The clocks of
// this machine and the server's are compared.
func (c *Consumer) age(ctx context.Context, now *jetstream.ConsumerInfo) (time.Duration, error) {
	if now.NumPending == 0 && now.NumAckPending == 0 {
		return 0, nil
	}
	m, found, err := c.conn.get(ctx, StreamName, "the oldest message without an outcome", query{
		Sequence: now.AckFloor.Stream + 1, Next: event.ComponentPrefix + ".>",
	})
	if err != nil || !found {
		return 0, err
	}
	return max(time.Since(m.Time), 0), nil
}

// Backlog asks the server for what waits for a target.
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
