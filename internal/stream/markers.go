package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/syncer"
)

// Markers is the consumer of snapshot markers that the replicas of a target share: each marker goes to one of them.
type Markers struct {
	log      *Log
	consumer jetstream.Consumer
}

// markerWait is how long a replica may be silent about a marker before another one gets it, and markerPull how long a
// request for one waits at the server.
const (
	markerWait = 15 * time.Second
	markerPull = 20 * time.Second
)

// EnsureMarkers creates or updates the consumer of markers of a target. Without clusters it brings those of all.
func (l *Log) EnsureMarkers(ctx context.Context, target string, clusters ...string) (*Markers, error) {
	name := "reconciler-" + event.Token(target)
	consumer, err := l.stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:        name,
		Description:    "Snapshot markers for the reconciles of target " + target,
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        markerWait,
		MaxDeliver:     -1,
		FilterSubjects: filters(event.SnapshotPrefix+".>", clusters, event.SnapshotSubject),
		Metadata:       map[string]string{metaPurpose: "reconciler", metaLayout: Layout},
	})
	if err != nil {
		return nil, fmt.Errorf("ensure consumer %s: %w", name, err)
	}
	return &Markers{log: l, consumer: consumer}, nil
}

// Next waits for a marker that is its cluster's newest; older ones are done with. While it is in hand the server is told
// so.
func (m *Markers) Next(ctx context.Context) (syncer.Marker, error) {
	for {
		msg, err := m.pull(ctx)
		if err != nil {
			return syncer.Marker{}, err
		}
		marker, err := event.DecodeMarker(event.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()})
		if err != nil {
			m.log.conn.log.Warn().Err(err).Msg("a snapshot marker cannot be read")
			_ = msg.TermWithReason(err.Error()) // or it comes again, and is told of again
			continue
		}
		if newest, found, err := m.log.LastMark(ctx, marker.Cluster); err == nil && found && newest.ID != marker.ID {
			_ = msg.Ack() // a lost answer only brings it again
			continue
		}
		return hold(msg, marker), nil
	}
}

// pull waits for a message; a server that is away is waited for.
func (m *Markers) pull(ctx context.Context) (jetstream.Msg, error) {
	for {
		msg, err := m.next(ctx)
		switch {
		case err == nil:
			return msg, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return nil, fmt.Errorf("next marker: %w", err)
		}
		if err := m.missing(ctx); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(recheckWait):
		}
	}
}

// missing says that the stream or the consumer was removed: a request for messages of neither tells so, it only gets none.
func (m *Markers) missing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := m.log.Check(ctx); errors.Is(err, ErrLogMissing) {
		return err
	}
	if _, err := m.consumer.Info(ctx); errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("next marker: %w", err)
	}
	return nil
}

// next asks once.
func (m *Markers) next(ctx context.Context) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, markerPull)
	defer cancel()
	return m.consumer.Next(jetstream.FetchContext(ctx))
}

// hold keeps the server informed until the marker is ended.
func hold(msg jetstream.Msg, marker event.Marker) syncer.Marker {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(markerWait / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = msg.InProgress() // else the marker comes again, which costs another look
			}
		}
	}()
	end := func() { cancel(); <-ended }
	return syncer.Marker{
		Marker: marker,
		Ack:    func() { end(); _ = msg.Ack() },
		Retry:  func(delay time.Duration) { end(); _ = msg.NakWithDelay(delay) },
	}
}
