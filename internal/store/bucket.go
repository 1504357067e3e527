package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/backoff"
	"odasync/internal/natsconn"
)

// Names on the server.
const (
	DeadLetterStream = "ODA_DEAD_LETTERS"
	StatesBucket     = "ODA_SYNC_STATE"
	ClaimsBucket     = "ODA_CLAIMS"
	RecordsBucket    = "ODA_RECORDS"
)

// ensureBucket creates or updates a KV bucket with one value a key. It is read from the leader of its stream, since a
// lagging replica could return an older applied sequence. ttl 0 keeps values for ever.
func ensureBucket(ctx context.Context, conn *natsconn.Conn, bucket, purpose string, ttl time.Duration) (jetstream.KeyValue, error) {
	duplicates := 2 * time.Minute
	if ttl > 0 && ttl < duplicates {
		duplicates = ttl
	}
	_, err := conn.EnsureStream(ctx, jetstream.StreamConfig{
		Name:              bucketPrefix + bucket,
		Subjects:          []string{"$KV." + bucket + ".>"},
		MaxMsgsPerSubject: 1,
		MaxBytes:          -1,
		MaxAge:            ttl,
		AllowRollup:       true,
		DenyDelete:        true,
		Duplicates:        duplicates,
	}, purpose)
	if err != nil {
		return nil, err
	}
	return openBucket(ctx, conn, bucket, "the program again") // it was removed in this moment
}

// bucketPrefix is put before the name of a bucket in the name of its stream.
const bucketPrefix = "KV_"

// openBucket returns a bucket, which the creator must have created.
func openBucket(ctx context.Context, conn *natsconn.Conn, bucket, creator string) (jetstream.KeyValue, error) {
	kv, err := conn.JetStream().KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s %w: start %s, which creates it", bucket, ErrNotCreated, creator)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// ErrNotCreated is returned where a bucket is opened before its creator has run.
var ErrNotCreated = errors.New("does not exist yet")

// ErrRemoved is returned where a bucket or stream that existed is gone.
var ErrRemoved = errors.New("was removed from the nats server")

// Streams lists the stream of dead letters and the streams of the buckets.
func Streams() []string {
	return []string{bucketPrefix + StatesBucket, bucketPrefix + ClaimsBucket, bucketPrefix + RecordsBucket, DeadLetterStream}
}

// CheckPresence returns [ErrRemoved] where a bucket or the stream of dead letters is gone. Any other error is transient.
func CheckPresence(ctx context.Context, conn *natsconn.Conn) error {
	for _, name := range Streams() {
		_, err := conn.JetStream().Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("stream %s %w", name, ErrRemoved)
		case err != nil:
			return fmt.Errorf("look for stream %s: %w", name, err)
		}
	}
	return nil
}

// isConflict reports whether a compare-and-set found another revision.
func isConflict(err error) bool {
	return natsconn.HasCode(err, jetstream.JSErrCodeStreamWrongLastSequence)
}

// compareAndSet repeats a compare-and-set that a replicated stream refuses without a verdict: under load it answers code
// 10164, "wrong last sequence" without a number, even where the sequence is right. Only code 10071 is a verdict.
func compareAndSet[T any](ctx context.Context, set func() (T, error)) (T, error) {
	for failures := 1; ; failures++ {
		result, err := set()
		if !natsconn.HasCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant) || conflicts.Sleep(ctx, failures) != nil {
			return result, err
		}
	}
}

// conflicts is the back-off of compareAndSet.
var conflicts = backoff.Policy{First: time.Millisecond, Max: 100 * time.Millisecond}
