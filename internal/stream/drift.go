package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Settings are the settings of the stream that a configuration names. Those it does not name are known to the watcher alone.
type Settings struct{ History, MaxBytes, Replicas bool }

// Drift returns where the stream is configured otherwise than the watcher would create it, and the server's time.
func (l *Log) Drift(ctx context.Context, named Settings) (differences []string, now time.Time, err error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return nil, now, fmt.Errorf("read the settings of stream %s: %w", StreamName, err)
	}
	have, want := info.Config, l.conn.WithCommon(settings(l.conn.Config()))
	compare := func(name string, have, want any) {
		if have, want := fmt.Sprint(have), fmt.Sprint(want); have != want {
			differences = append(differences, fmt.Sprintf("%s is %s, not %s", name, have, want))
		}
	}
	compare("subjects", have.Subjects, want.Subjects)
	compare("storage", have.Storage, want.Storage)
	compare("retention", have.Retention, jetstream.LimitsPolicy)
	compare("discard", have.Discard, want.Discard)
	compare("max age", have.MaxAge, want.MaxAge)
	compare("duplicate window", have.Duplicates, want.Duplicates)
	compare("allow direct", have.AllowDirect, want.AllowDirect)
	compare("allow rollup", have.AllowRollup, want.AllowRollup)
	compare("deny delete", have.DenyDelete, want.DenyDelete)
	if named.History {
		compare("messages per subject", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	}
	if named.MaxBytes {
		compare("max bytes", have.MaxBytes, want.MaxBytes)
	}
	if named.Replicas && want.Replicas > 0 {
		compare("replicas", have.Replicas, want.Replicas)
	}
	return differences, info.TimeStamp, nil
}
