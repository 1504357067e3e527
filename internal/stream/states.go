package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
)

// States is the sync state of one target, one entry a component.
type States struct {
	kv     jetstream.KeyValue
	prefix string
	stream int64
}

// stored is the JSON of an entry. Sequences count within one life of the stream, which its creation time tells.
type stored struct {
	Stream int64 `json:"stream"`
	syncer.State
}

// States returns the sync state of a target; the bucket is created where it is missing. The syncer owns it.
func (l *Log) States(ctx context.Context, target string) (*States, error) {
	kv, err := l.conn.ensureBucket(ctx, StatesBucket, "sync state", 0)
	if err != nil {
		return nil, err
	}
	return l.statesIn(kv, target), nil
}

// OpenStates binds to the bucket that a syncer created.
func (l *Log) OpenStates(ctx context.Context, target string) (*States, error) {
	kv, err := l.conn.js.KeyValue(ctx, StatesBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s does not exist yet: start a syncer, which creates it", StatesBucket)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", StatesBucket, err)
	}
	return l.statesIn(kv, target), nil
}

func (l *Log) statesIn(kv jetstream.KeyValue, target string) *States {
	return &States{kv: kv, prefix: event.Token(target) + ".", stream: l.stream.CachedInfo().Created.UnixNano()}
}

// Load reads the entry from the stream's leader; a key without entry gives a zero State with that key.
func (s *States) Load(ctx context.Context, key component.Key) (syncer.State, error) {
	entry, err := s.kv.Get(ctx, s.prefix+event.Tokens(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return syncer.State{Key: key}, nil
	}
	if err != nil {
		return syncer.State{}, fmt.Errorf("read the sync state of %s: %w", key, err)
	}
	return s.decode(key, entry), nil
}

// decode reads an entry. One that cannot be read tells nothing about the registry: that is doubt, not a reason to
// stop.
func (s *States) decode(key component.Key, entry jetstream.KeyValueEntry) syncer.State {
	var value stored
	if err := json.Unmarshal(entry.Value(), &value); err != nil {
		return syncer.State{Key: key, Revision: entry.Revision(), Intent: 1}
	}
	state := value.State
	state.Key, state.Revision = key, entry.Revision()
	if value.Stream != s.stream {
		// The stream was lost and filled again: what the registry holds is as recorded, but its sequences are not ours.
		state.Sequence, state.Intent = 0, 1
	}
	return state
}

// Save writes the entry if its revision is still the given one; else syncer.ErrConflict. After any other error it is not
// known whether the entry was written.
func (s *States) Save(ctx context.Context, state syncer.State) (uint64, error) {
	name := s.prefix + event.Tokens(state.Key)
	value, err := json.Marshal(stored{Stream: s.stream, State: state})
	if err != nil {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, err)
	}
	revision, err := retryRefused(ctx, func() (uint64, error) {
		if state.Revision == 0 {
			return s.kv.Create(ctx, name, value)
		}
		return s.kv.Update(ctx, name, value, state.Revision)
	})
	if isConflict(err) {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, syncer.ErrConflict)
	}
	if err != nil {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, err)
	}
	return revision, nil
}

// All calls each with every entry of the target.
func (s *States) All(ctx context.Context, each func(syncer.State)) error {
	watch, err := s.kv.Watch(ctx, s.prefix+">", jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read the sync state: %w", err)
	}
	defer func() { _ = watch.Stop() }() // nothing is owed to a watch that is not read any more
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("read the sync state: %w", ctx.Err())
		case entry := <-watch.Updates():
			if entry == nil { // all that was there has come
				return nil
			}
			key, err := event.ParseTokens(strings.TrimPrefix(entry.Key(), s.prefix))
			if err != nil {
				continue // not written by us
			}
			each(s.decode(key, entry))
		}
	}
}
