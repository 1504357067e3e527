package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// States is the sync state of one target, one entry a component.
type States struct {
	conn   *natsconn.Conn
	kv     jetstream.KeyValue
	bucket jetstream.Stream // the stream of the bucket
	prefix string
	stream int64
}

// stored is the JSON of an entry. Stream is the creation time of the stream that the sequence belongs to.
type stored struct {
	Stream int64 `json:"stream"`
	target.State
}

// EnsureStates returns the sync state of a target beside a log and creates its bucket where it is missing. The syncer does.
func EnsureStates(ctx context.Context, log *stream.Log, target string) (*States, error) {
	kv, err := ensureBucket(ctx, log.Conn(), StatesBucket, "sync state", 0)
	if err != nil {
		return nil, err
	}
	return newStates(ctx, log, kv, target)
}

// OpenStates is [EnsureStates] on the bucket that a syncer created.
func OpenStates(ctx context.Context, log *stream.Log, target string) (*States, error) {
	kv, err := openBucket(ctx, log.Conn(), StatesBucket, "a syncer")
	if err != nil {
		return nil, err
	}
	return newStates(ctx, log, kv, target)
}

func newStates(ctx context.Context, log *stream.Log, kv jetstream.KeyValue, target string) (*States, error) {
	bucket, err := log.Conn().JetStream().Stream(ctx, bucketPrefix+StatesBucket)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", StatesBucket, err)
	}
	return &States{conn: log.Conn(), kv: kv, bucket: bucket, prefix: event.Token(target) + ".", stream: log.Created().UnixNano()}, nil
}

// Load reads the entry of a component; without one, it returns a zero State with that key.
func (s *States) Load(ctx context.Context, key component.Key) (target.State, error) {
	entry, err := s.kv.Get(ctx, s.prefix+event.Tokens(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return target.State{Key: key}, nil
	}
	if err != nil {
		return target.State{}, fmt.Errorf("read the sync state of %s: %w", key, err)
	}
	return s.decode(key, entry.Value(), entry.Revision()), nil
}

// decode decodes an entry. Where it cannot be decoded, the content of the registry is in doubt; that is no reason to stop.
func (s *States) decode(key component.Key, text []byte, revision uint64) target.State {
	var value stored
	if err := json.Unmarshal(text, &value); err != nil {
		return target.State{Key: key, Revision: revision, Intent: 1}
	}
	state := value.State
	state.Key, state.Revision = key, revision
	if value.Stream != s.stream {
		// The stream was lost and filled again: the registry holds what is recorded, but the sequences are not comparable.
		state.Sequence, state.Intent, state.Recent = 0, 1, nil
	}
	return state
}

// Save writes the entry where its revision is still that of the state, else it returns [target.ErrConflict]. After any other
// error it is unknown whether the entry was written.
func (s *States) Save(ctx context.Context, state target.State) (uint64, error) {
	name := s.prefix + event.Tokens(state.Key)
	value, err := json.Marshal(stored{Stream: s.stream, State: state})
	if err != nil {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, err)
	}
	revision, err := compareAndSet(ctx, func() (uint64, error) {
		if state.Revision == 0 {
			return s.kv.Create(ctx, name, value)
		}
		return s.kv.Update(ctx, name, value, state.Revision)
	})
	if isConflict(err) {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, target.ErrConflict)
	}
	if err != nil {
		return 0, fmt.Errorf("save the sync state of %s: %w", state.Key, err)
	}
	return revision, nil
}

// Delete removes the entry where its revision is still that of the state, else it returns [target.ErrConflict].
func (s *States) Delete(ctx context.Context, state target.State) error {
	err := s.kv.Delete(ctx, s.prefix+event.Tokens(state.Key), jetstream.LastRevision(state.Revision))
	if isConflict(err) {
		return fmt.Errorf("delete the sync state of %s: %w", state.Key, target.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("delete the sync state of %s: %w", state.Key, err)
	}
	return nil
}

// All calls each with every entry of the target for a cluster, oldest first. An entry that changes meanwhile may come again.
// It pulls small batches: for a watch of the bucket the server would buffer tens of MB.
func (s *States) All(ctx context.Context, cluster string, each func(target.State)) error {
	prefix := "$KV." + StatesBucket + "." + s.prefix
	err := s.conn.Scan(ctx, s.bucket, prefix+event.Token(cluster)+".>", false, func(m event.Message, revision uint64) {
		if nats.Header(m.Header).Get("KV-Operation") != "" {
			return // it was deleted
		}
		if key, err := event.ParseTokens(strings.TrimPrefix(m.Subject, prefix)); err == nil { // else it is not an entry of odasync
			each(s.decode(key, m.Data, revision))
		}
	})
	if err != nil {
		return fmt.Errorf("read the sync state: %w", err)
	}
	return nil
}
