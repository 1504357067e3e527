package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
)

// Names of what stands on the server.
const (
	StreamName     = "ODA_COMPONENTS"
	DeadLetterName = "ODA_DEAD_LETTERS"
	StatesBucket   = "ODA_SYNC_STATE"
	ClaimsBucket   = "ODA_CLAIMS"
	RecordsBucket  = "ODA_RECORDS"
)

// Layout is the version of the topology. A newer program moves an older layout; an older one refuses a newer.
const Layout = "1"

// Metadata keys by which odasync knows its own.
const (
	metaPurpose = "odasync.purpose"
	metaLayout  = "odasync.layout"
	metaTarget  = "odasync.registry"
)

// EnsureLog creates or updates the stream of component events. The watcher owns it.
func (c *Conn) EnsureLog(ctx context.Context) (*Log, error) {
	reconnects := c.nc.Stats().Reconnects
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	s, err := c.ensureStream(ctx, jetstream.StreamConfig{
		Name:              StreamName,
		Description:       "Desired state of ODA Components, newest message per subject",
		Subjects:          []string{event.ComponentPrefix + ".>", event.SnapshotPrefix + ".>"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: c.cfg.History,
		MaxBytes:          unlimited(c.cfg.MaxBytes),
		Replicas:          c.cfg.Replicas,
		AllowDirect:       true,
		DenyDelete:        true,
		Duplicates:        2 * time.Minute,
		Metadata:          map[string]string{metaPurpose: "components"},
	})
	if err != nil {
		return nil, err
	}
	return newLog(c, s, reconnects), nil
}

// OpenLog binds to the stream that the watcher created.
func (c *Conn) OpenLog(ctx context.Context) (*Log, error) {
	reconnects := c.nc.Stats().Reconnects
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	s, err := c.js.Stream(ctx, StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s does not exist yet: start the watcher, which creates it", StreamName)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", StreamName, err)
	}
	if err := checkOurs(s.CachedInfo().Config, "components"); err != nil {
		return nil, err
	}
	return newLog(c, s, reconnects), nil
}

// ensureBucket creates or updates a KV bucket with one value a key, which is read from its stream's leader: a lagging
// replica must not show an older applied sequence. ttl 0 keeps values for ever.
func (c *Conn) ensureBucket(ctx context.Context, bucket, purpose string, ttl time.Duration) (jetstream.KeyValue, error) {
	duplicates := 2 * time.Minute
	if ttl > 0 && ttl < duplicates {
		duplicates = ttl
	}
	_, err := c.ensureStream(ctx, jetstream.StreamConfig{
		Name:              "KV_" + bucket,
		Subjects:          []string{"$KV." + bucket + ".>"},
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: 1,
		MaxBytes:          -1,
		MaxAge:            ttl,
		Replicas:          c.cfg.Replicas,
		AllowRollup:       true,
		DenyDelete:        true,
		Duplicates:        duplicates,
		Metadata:          map[string]string{metaPurpose: purpose},
	})
	if err != nil {
		return nil, err
	}
	return c.openBucket(ctx, bucket, purpose)
}

// openBucket binds to a bucket that the creator makes.
func (c *Conn) openBucket(ctx context.Context, bucket, creator string) (jetstream.KeyValue, error) {
	kv, err := c.js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s does not exist yet: start a %s, which creates it", bucket, creator)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// ErrTopologyMissing says that something that was ensured is gone.
var ErrTopologyMissing = errors.New("was removed from the nats server")

// Stands returns ErrTopologyMissing where a bucket or the stream of dead letters is gone. Any other error is passing.
func (c *Conn) Stands(ctx context.Context) error {
	for _, name := range []string{"KV_" + StatesBucket, "KV_" + ClaimsBucket, "KV_" + RecordsBucket, DeadLetterName} {
		_, err := c.js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("stream %s %w", name, ErrTopologyMissing)
		case err != nil:
			return fmt.Errorf("look for stream %s: %w", name, err)
		}
	}
	return nil
}

// ensureStream creates the stream, or changes what differs of the settings that odasync owns.
func (c *Conn) ensureStream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	want.Metadata[metaLayout] = Layout
	s, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = c.js.CreateStream(ctx, want)
		if err == nil {
			c.log.Info().Str("stream", want.Name).Msg("created stream")
			return s, nil
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was faster
			s, err = c.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ensure stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if err := checkOurs(have, want.Metadata[metaPurpose]); err != nil {
		return nil, err
	}
	next := merge(have, want)
	if reflect.DeepEqual(have, next) {
		return s, nil
	}
	if s, err = c.js.UpdateStream(ctx, next); err != nil {
		return nil, fmt.Errorf("update stream %s: %w", want.Name, err)
	}
	c.log.Info().Str("stream", want.Name).Msg("updated the stream's settings")
	return s, nil
}

// merge returns have with the settings that odasync owns; what an administrator added besides stays.
func merge(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	next := have
	next.Description, next.Subjects = want.Description, want.Subjects
	next.Discard, next.MaxMsgsPerSubject, next.MaxBytes = want.Discard, want.MaxMsgsPerSubject, want.MaxBytes
	next.MaxAge, next.Replicas, next.Duplicates = want.MaxAge, want.Replicas, want.Duplicates
	next.AllowDirect, next.AllowRollup = want.AllowDirect, want.AllowRollup
	next.Metadata = maps.Clone(have.Metadata)
	maps.Copy(next.Metadata, want.Metadata)
	return next
}

// checkOurs refuses a stream that stands under our name for another purpose or in another layout.
func checkOurs(have jetstream.StreamConfig, purpose string) error {
	if got := have.Metadata[metaPurpose]; got != purpose {
		return fmt.Errorf("stream %s exists but is not odasync's (subjects %v, purpose %q): "+
			"use another NATS account, or remove it with `nats stream rm %s`", have.Name, have.Subjects, got, have.Name)
	}
	if got := have.Metadata[metaLayout]; got != Layout {
		return fmt.Errorf("stream %s has layout %q and this program layout %q: run the version of odasync that wrote it, "+
			"or remove it with `nats stream rm %s` and let the watcher fill it again from the cluster", have.Name, got, Layout, have.Name)
	}
	return nil
}

func unlimited(bytes int64) int64 {
	if bytes == 0 {
		return -1
	}
	return bytes
}
