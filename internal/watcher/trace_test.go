package watcher

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/testcheck"
	"odasync/internal/tracing"
	"odasync/internal/tracing/tracingtest"
)

// flakyLog is a log whose first publish fails.
type flakyLog struct {
	*stream.Log
	failed atomic.Bool
}

func (f *flakyLog) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	if f.failed.CompareAndSwap(false, true) {
		return 0, errors.New("no answer")
	}
	return f.Log.Publish(ctx, e, expected)
}

// The span of the first attempt begins the trace at the time of the change; the message carries that of the successful one.
func TestTrace_EachAttemptIsASpan(t *testing.T) {
	collector, b := tracingtest.Start(t), newHarness(t)
	provider, err := tracing.New(t.Context(), tracing.Config{Endpoint: collector.HTTP}, tracing.Service{Name: "watcher"}, zerolog.Nop())
	testcheck.NoError(t, err)
	b.watcher.tracer = provider.Tracer()
	l := b.lead(t, &flakyLog{Log: b.log})
	change := seen("a", "one")
	l.observed(change)
	published := b.events(t)
	testcheck.NoError(t, l.end())
	testcheck.NoError(t, provider.Close(t.Context()))
	spans := collector.Spans()
	slices.SortFunc(spans, func(a, b tracingtest.Span) int { return int(a.StartNanos) - int(b.StartNanos) })
	if len(spans) != 2 || len(published) != 1 {
		t.Fatalf("%d events, spans %+v", len(published), spans)
	}
	first, second := spans[0], spans[1]
	if !first.Failed || first.Detail != "no answer" || first.Parent != "" || first.Attributes["odasync.attempt"] != "1" || first.StartNanos != uint64(change.Seen.UnixNano()) {
		t.Errorf("the first attempt: %+v", first)
	}
	if second.Failed || second.Parent != first.ID || second.Trace != first.Trace || second.Attributes["odasync.attempt"] != "2" || second.Attributes["odasync.seq"] != "1" {
		t.Errorf("the second attempt: %+v, after %+v", second, first)
	}
	testcheck.Equal(t, "trace of the message", (event.Trace{Parent: "00-" + second.Trace + "-" + second.ID + "-01"}), published[0].Trace)
}
