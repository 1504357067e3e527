package watcher

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/event"
	"odasync/internal/tracing"
)

// change is an event that waits to be published.
type change struct {
	event.Event
	ticket       uint64 // from the inventory
	confirmation uint64 // number of the confirmed deletion
	source       uint64 // of the observation
	inferred     bool   // a deletion that follows from absence: dropped once the component is seen
	bySync       bool   // found by a resync
	attempts     int    // to publish it, with the current one
}

func (c change) olderThan(other change) bool { return c.ticket < other.ticket }

// send is Log.Publish in a span, which is the parent of the consumers' spans. The span of the first attempt begins when the
// change was seen, and is the parent of further attempts. sent is the context of the span, for the log.
func (p *publisher) send(ctx context.Context, c *change, expected uint64) (sent context.Context, sequence uint64, err error) {
	c.attempts++
	if p.watcher.tracer == nil {
		sequence, err = p.stream.Publish(ctx, c.Event, expected)
		return ctx, sequence, err
	}
	began := time.Time{} // now
	if c.attempts == 1 {
		began = c.Time
	}
	ctx, span := p.watcher.tracer.Begin(ctx, c.Trace, "publish "+event.ComponentPrefix, trace.SpanKindProducer, began)
	defer span.End()
	e := c.Event
	e.Trace = tracing.Carried(ctx)
	if c.attempts == 1 {
		c.Trace = e.Trace
	}
	if span.Recording() {
		describe(span, e, c.attempts, expected)
	}
	sequence, err = p.stream.Publish(ctx, e, expected)
	if err != nil {
		span.Fail(p.errorType(err), err.Error())
	} else if span.Recording() {
		span.Set(attribute.Int64("odasync.seq", int64(sequence)))
	}
	return ctx, sequence, err
}

func describe(span tracing.Span, e event.Event, attempt int, expected uint64) {
	m := event.Encode(e, expected) // as the log does
	span.Set(
		tracing.MessagingSystem, semconv.MessagingOperationName("publish"), semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationTemplate(event.SubjectTemplate), semconv.MessagingDestinationName(m.Subject),
		semconv.MessagingMessageID(m.MessageID()), semconv.MessagingMessageBodySize(len(m.Data)),
		attribute.String("odasync.cluster", e.Key.Cluster), attribute.String("odasync.namespace", e.Key.Namespace),
		attribute.String("odasync.component", e.Key.Name), attribute.Bool("odasync.deleted", e.Deleted()),
		attribute.Int("odasync.attempt", attempt),
	)
}

// errorType classifies the error of a publish for its span.
func (p *publisher) errorType(err error) string {
	if _, superseded := p.watcher.publishErrors.Superseded(err); superseded {
		return "superseded"
	}
	return tracing.Kind(err)
}
