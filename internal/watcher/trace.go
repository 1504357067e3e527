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

// change is an event on its way into the log.
type change struct {
	event.Event
	ticket       uint64 // as the table gives it
	confirmation uint64 // the number of the deletion
	inferred     bool   // a deletion that follows from absence: void once the component is seen
	bySync       bool   // by a comparison
	attempts     int    // to publish it, ended or under way
}

func (c change) olderThan(other change) bool { return c.ticket < other.ticket }

// send is Log.Publish in a span of its own, which the message names for those who go on from it. A first try begins the
// trace, at the time when the change was seen; a further one goes on from the first. sent is the context of the span, for the log.
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

func describe(span tracing.Span, e event.Event, try int, expected uint64) {
	m := event.Encode(e, expected) // as the log will do
	span.Set(
		tracing.MessagingSystem, semconv.MessagingOperationName("publish"), semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationTemplate(event.SubjectTemplate), semconv.MessagingDestinationName(m.Subject),
		semconv.MessagingMessageID(m.MessageID()), semconv.MessagingMessageBodySize(len(m.Data)),
		attribute.String("odasync.cluster", e.Key.Cluster), attribute.String("odasync.namespace", e.Key.Namespace),
		attribute.String("odasync.component", e.Key.Name), attribute.Bool("odasync.deleted", e.Deleted()),
		attribute.Bool("odasync.verify", e.Verify), attribute.Int("odasync.attempt", try),
	)
}

// kindOf is a word for what kept an event from the log.
func (p *publisher) errorType(err error) string {
	if _, superseded := p.watcher.publishErrors.Superseded(err); superseded {
		return "superseded"
	}
	return tracing.Kind(err)
}
