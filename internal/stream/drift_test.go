package stream_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

func TestLog_Drift(t *testing.T) {
	server := streamtest.Start(t)
	log := streamtest.EnsureLog(t, server.Conn(t))
	named := stream.Settings{History: true, MaxBytes: true, Replicas: true}
	differences, now, err := log.Drift(t.Context(), named)
	testcheck.NoError(t, err)
	if len(differences) > 0 || time.Since(now).Abs() > time.Minute {
		t.Errorf("just created: %q, at %s", differences, now)
	}

	js, err := jetstream.New(server.NATS(t))
	testcheck.NoError(t, err)
	s, err := js.Stream(t.Context(), stream.StreamName)
	testcheck.NoError(t, err)
	changed := s.CachedInfo().Config
	changed.MaxAge, changed.MaxMsgsPerSubject, changed.Discard = time.Hour, 1, jetstream.DiscardOld
	_, err = js.UpdateStream(t.Context(), changed)
	testcheck.NoError(t, err)
	differences, _, err = log.Drift(t.Context(), stream.Settings{})
	testcheck.NoError(t, err)
	want := []string{"discard is DiscardOld, not DiscardNew", "max age is 1h0m0s, not 0s"}
	if diff := cmp.Diff(want, differences); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	differences, _, err = log.Drift(t.Context(), named)
	testcheck.NoError(t, err)
	if len(differences) != 3 {
		t.Errorf("with the history: %q", differences)
	}
}
