package event

import (
	"encoding/json"
	"fmt"
	"time"

	"odasync/internal/component"
	"odasync/internal/prune"
)

// TypeSnapshot is the CloudEvents type of a snapshot marker.
const TypeSnapshot = "org.tmforum.oda.snapshot.v1"

// Snapshot is the marker that a watcher publishes after a full comparison of its cluster with the stream and the
// corrections: the stream holds a message before it of every component that existed then.
type Snapshot struct {
	ID      string    `json:"id"`
	Cluster string    `json:"cluster"`
	Time    time.Time `json:"time"`
	// Count components exist, and Digest is over their keys and hashes.
	Count  int    `json:"count"`
	Digest string `json:"digest"`
	// ResourceVersion is the API server's at the end of the list, an opaque string; empty where there is none.
	ResourceVersion string `json:"resourceVersion"`
	// Sequence is of the cluster's newest message.
	Sequence uint64 `json:"sequence"`
	// Published and Tombstoned count the differences that the comparison found, without what changed meanwhile.
	Published  int `json:"published"`
	Tombstoned int `json:"tombstoned"`
	// Seconds is how long the comparison took.
	Seconds float64 `json:"seconds"`
	// ClusterUID is the identity of the cluster with that name; empty where it is unknown.
	ClusterUID string `json:"clusterUID,omitempty"`
	// Unlisted are scopes, as component.ParseScope reads them, that could not be listed or read completely: what their
	// namespaces hold is unknown, and nothing there may be deleted because the stream lacks it.
	Unlisted []string `json:"unlisted,omitempty"`
	// PendingDeletion is what the comparison would have deleted and waits for an approval; null for none.
	PendingDeletion *prune.PendingDeletion `json:"pendingDeletion"`
}

// Lists reports whether the snapshot covers the namespace.
func (m *Snapshot) Lists(namespace string) bool {
	for _, text := range m.Unlisted {
		if scope, err := component.ParseScope(text); err != nil || scope.Contains(namespace) {
			return false
		}
	}
	return true
}

// EncodeSnapshot returns the wire form of a snapshot marker.
func EncodeSnapshot(m Snapshot) (Message, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return Message{}, fmt.Errorf("encode the snapshot marker of cluster %s: %w", m.Cluster, err)
	}
	return Message{Subject: SnapshotSubject(m.Cluster), Data: body, Header: map[string][]string{
		HeaderMessageID:   {m.ID},
		HeaderSpecVersion: {"1.0"},
		HeaderID:          {m.ID},
		HeaderSource:      {source(m.Cluster)},
		HeaderType:        {TypeSnapshot},
		HeaderTime:        {m.Time.UTC().Format(time.RFC3339Nano)},
		HeaderContentType: {"application/json"},
	}}, nil
}

// DecodeSnapshot reads the wire form of a snapshot marker. Its error is [ErrMalformed].
func DecodeSnapshot(m Message) (Snapshot, error) {
	var marker Snapshot
	if kind := m.get(HeaderType); kind != TypeSnapshot {
		return Snapshot{}, fmt.Errorf("%w: type %q is not a snapshot marker", ErrMalformed, kind)
	}
	if err := json.Unmarshal(m.Data, &marker); err != nil {
		return Snapshot{}, fmt.Errorf("%w: snapshot marker on %s: %w", ErrMalformed, m.Subject, err)
	}
	if marker.ID == "" || SnapshotSubject(marker.Cluster) != m.Subject {
		return Snapshot{}, fmt.Errorf("%w: snapshot marker on %s: it is %q of cluster %q", ErrMalformed, m.Subject, marker.ID, marker.Cluster)
	}
	return marker, nil
}
