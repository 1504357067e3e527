package stream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Mark appends a marker. Repeating one whose answer was lost is safe.
func (l *Log) Mark(ctx context.Context, marker event.Marker) error {
	m, err := event.EncodeMarker(marker)
	if err != nil {
		return err
	}
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	if _, err := l.conn.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamName)); err != nil {
		return fmt.Errorf("publish the marker of cluster %s: %w", marker.Cluster, err)
	}
	return nil
}

// LastMark reads a cluster's last marker from the stream's leader; false where it has none.
func (l *Log) LastMark(ctx context.Context, cluster string) (event.Marker, bool, error) {
	m, _, found, err := l.conn.last(ctx, StreamName, event.SnapshotSubject(cluster))
	if err != nil || !found {
		return event.Marker{}, false, err
	}
	marker, err := event.DecodeMarker(m)
	return marker, true, err
}

// Purge removes a component's messages up to a sequence, inclusive. What came later is never touched.
func (l *Log) Purge(ctx context.Context, key component.Key, sequence uint64) error {
	err := l.stream.Purge(ctx, jetstream.WithPurgeSubject(event.Subject(key)), jetstream.WithPurgeSequence(sequence+1))
	if err != nil {
		return fmt.Errorf("purge %s: %w", key, err)
	}
	return nil
}
