package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
)

// PublishSnapshot appends a snapshot marker. A repeat after a lost answer is stored once.
func (l *Log) PublishSnapshot(ctx context.Context, marker event.Snapshot) error {
	m, err := event.EncodeSnapshot(marker)
	if err != nil {
		return err
	}
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	if _, err := l.conn.JetStream().PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamName)); err != nil {
		return fmt.Errorf("publish the snapshot marker of cluster %s: %w", marker.Cluster, err)
	}
	return nil
}

// LastSnapshot reads the last snapshot marker of a cluster from the leader of the stream; false where there is none.
func (l *Log) LastSnapshot(ctx context.Context, cluster string) (event.Snapshot, bool, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.SnapshotSubject(cluster))
	if err != nil || !found {
		return event.Snapshot{}, false, err
	}
	marker, err := event.DecodeSnapshot(m.Message)
	return marker, true, err
}

// Clusters lists the clusters that have a snapshot marker in the stream.
func (l *Log) Clusters(ctx context.Context) ([]string, error) {
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(event.SnapshotPrefix+".>"))
	if err != nil {
		return nil, fmt.Errorf("list the clusters on stream %s: %w", StreamName, err)
	}
	var clusters []string
	for subject := range info.State.Subjects {
		if cluster, err := event.ParseToken(strings.TrimPrefix(subject, event.SnapshotPrefix+".")); err == nil {
			clusters = append(clusters, cluster)
		}
	}
	slices.Sort(clusters)
	return clusters, nil
}

// ComponentClusters lists the clusters that have messages of components. It reads the head of every component.
func (l *Log) ComponentClusters(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	err := l.conn.Scan(ctx, l.stream, event.ComponentPrefix+".>", true, func(m event.Message, _ uint64) {
		token, _, _ := strings.Cut(strings.TrimPrefix(m.Subject, event.ComponentPrefix+"."), ".")
		seen[token] = true
	})
	var clusters []string
	for token := range seen {
		if cluster, err := event.ParseToken(token); err == nil {
			clusters = append(clusters, cluster)
		}
	}
	slices.Sort(clusters)
	return clusters, err
}

// Purge removes the messages of a component up to a sequence, inclusive. Later ones are never touched.
func (l *Log) Purge(ctx context.Context, key component.Key, sequence uint64) error {
	err := l.stream.Purge(ctx, jetstream.WithPurgeSubject(event.Subject(key)), jetstream.WithPurgeSequence(sequence+1))
	if err != nil {
		return fmt.Errorf("purge %s: %w", key, err)
	}
	return nil
}
