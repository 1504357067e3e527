package stream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/natsconn"
)

// StreamName is the name of the stream of component events.
const StreamName = "ODA_COMPONENTS"

// metaTarget is the metadata key of a consumer for the address of its registry.
const metaTarget = "odasync.registry"

// logPurpose is the purpose of the stream of component events.
const logPurpose = "components"

// EnsureLog creates or updates the stream of component events. The watcher does.
func EnsureLog(ctx context.Context, c *natsconn.Conn) (*Log, error) {
	reconnects := c.NATS().Stats().Reconnects
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	s, err := c.EnsureStream(ctx, settings(c.Config()), logPurpose)
	if err != nil {
		return nil, err
	}
	return newLog(c, s, reconnects), nil
}

// settings are those of the stream of component events.
func settings(cfg natsconn.Config) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamName,
		Description:       "Desired state of ODA Components, newest message per subject",
		Subjects:          []string{event.ComponentPrefix + ".>", event.SnapshotPrefix + ".>"},
		MaxMsgsPerSubject: cfg.History,
		MaxBytes:          unlimited(cfg.MaxBytes),
		AllowDirect:       true,
		DenyDelete:        true,
		Duplicates:        2 * time.Minute,
	}
}

// OpenLog returns the stream that the watcher created.
func OpenLog(ctx context.Context, c *natsconn.Conn) (*Log, error) {
	reconnects := c.NATS().Stats().Reconnects
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	s, err := c.OpenStream(ctx, StreamName, logPurpose, "the watcher")
	if err != nil {
		return nil, err
	}
	return newLog(c, s, reconnects), nil
}

func unlimited(bytes int64) int64 {
	if bytes == 0 {
		return -1
	}
	return bytes
}
