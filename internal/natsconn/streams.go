package natsconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"
)

// Layout is the version of the layout of streams, buckets and consumers. Another one is an error.
const Layout = "1"

// Metadata keys of streams and consumers of odasync.
const (
	MetaPurpose = "odasync.purpose"
	MetaLayout  = "odasync.layout"
)

// EnsureStream creates the stream for a purpose, or updates the settings that odasync owns where they differ. It sets what
// all streams of odasync have in common: file storage, the replicas, the layout. A stream of another purpose or layout is an
// error and stays as it is.
func (c *Conn) EnsureStream(ctx context.Context, want jetstream.StreamConfig, purpose string) (jetstream.Stream, error) {
	want = c.WithCommon(want)
	want.Metadata = map[string]string{MetaPurpose: purpose, MetaLayout: Layout}
	s, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = c.js.CreateStream(ctx, created(want))
		if err == nil {
			c.log.Info().Str("stream", want.Name).Msg("created stream")
			return s, nil
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process created it with other settings
			s, err = c.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ensure stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if err := checkPurpose(have, purpose); err != nil {
		return nil, err
	}
	next := merge(have, want)
	if reflect.DeepEqual(have, next) {
		return s, nil
	}
	if s, err = c.js.UpdateStream(ctx, next); err != nil {
		return nil, fmt.Errorf("update stream %s: %w", want.Name, err)
	}
	c.log.Info().Str("stream", want.Name).Msg("updated stream settings")
	return s, nil
}

// WithCommon returns the settings with those that all streams of odasync have in common.
func (c *Conn) WithCommon(want jetstream.StreamConfig) jetstream.StreamConfig {
	want.Storage, want.Discard, want.Replicas = jetstream.FileStorage, jetstream.DiscardNew, c.cfg.Replicas
	return want
}

// OpenStream returns the stream for a purpose, which the creator must have created.
func (c *Conn) OpenStream(ctx context.Context, name, purpose, creator string) (jetstream.Stream, error) {
	s, err := c.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s does not exist yet: start %s, which creates it", name, creator)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, err)
	}
	if err := checkPurpose(s.CachedInfo().Config, purpose); err != nil {
		return nil, err
	}
	return s, nil
}

// created returns want for a stream that does not exist: 0 replicas, which keep those of an existing one, are 1.
func created(want jetstream.StreamConfig) jetstream.StreamConfig {
	want.Replicas = max(want.Replicas, 1)
	return want
}

// merge returns have with the settings that odasync owns; settings that an administrator added stay.
func merge(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	next := have
	next.Description, next.Subjects = want.Description, want.Subjects
	next.Discard, next.MaxMsgsPerSubject, next.MaxBytes = want.Discard, want.MaxMsgsPerSubject, want.MaxBytes
	next.MaxAge, next.Replicas, next.Duplicates = want.MaxAge, cmp.Or(want.Replicas, have.Replicas), want.Duplicates
	next.AllowDirect, next.AllowRollup = want.AllowDirect, want.AllowRollup
	next.Metadata = maps.Clone(have.Metadata)
	maps.Copy(next.Metadata, want.Metadata)
	return next
}

// checkPurpose returns an error for a stream of another purpose or layout.
func checkPurpose(have jetstream.StreamConfig, purpose string) error {
	if got := have.Metadata[MetaPurpose]; got != purpose {
		return fmt.Errorf("stream %s exists but is not odasync's (subjects %v, purpose %q): "+
			"use another NATS account, or remove it with `nats stream rm %s`", have.Name, have.Subjects, got, have.Name)
	}
	if got := have.Metadata[MetaLayout]; got != Layout {
		return fmt.Errorf("stream %s has layout %q and this program layout %q: run the version of odasync that wrote it, "+
			"or remove it with `nats stream rm %s` and let the watcher fill it again from the cluster", have.Name, got, Layout, have.Name)
	}
	return nil
}

// HasCode reports whether the error is an answer of JetStream with the code.
func HasCode(err error, code jetstream.ErrorCode) bool {
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && apiErr.ErrorCode == code
}
