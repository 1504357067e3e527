package syncer

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/tracing"
)

// process does all that a message asks for, in a span that goes on with the trace of the publish. A message that comes
// again has another span there, with its attempt.
// leave is called once the registry has the message's state, or will not get it from here.
func (s *Syncer) process(work context.Context, d *event.Delivery, refused *verdict, leave func()) {
	ctx, span := s.consume(work, d)
	var v verdict
	if refused != nil {
		v = *refused
	} else {
		left := sync.OnceFunc(func() { s.limiter.leave(); leave() })
		v = s.apply(ctx, d, left)
		left()
	}
	s.settle(ctx, d, v)
	conclude(span, v)
}

// skip settles a message that a newer one has made needless.
func (s *Syncer) skip(ctx context.Context, d *event.Delivery) {
	ctx, span := s.consume(ctx, d)
	v := verdict{outcome: outcomeSuperseded, action: ack}
	s.settle(ctx, d, v)
	conclude(span, v)
}

// consume begins the span of a message.
func (s *Syncer) consume(ctx context.Context, d *event.Delivery) (context.Context, tracing.Span) {
	if s.tracer == nil {
		return ctx, tracing.Span{}
	}
	ctx, span := s.tracer.Begin(ctx, d.Trace, "process "+event.ComponentPrefix, trace.SpanKindConsumer, time.Time{})
	if span.Recording() {
		span.Set(append(about(d.Key),
			tracing.MessagingSystem, semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationTemplate(event.SubjectTemplate), semconv.MessagingDestinationName(event.Subject(d.Key)),
			semconv.MessagingConsumerGroupName(s.cfg.Target),
			attribute.Int64("odasync.seq", int64(d.Sequence)), attribute.Int("odasync.attempt", d.Attempt))...)
	}
	return tracing.About(ctx, d.Key), span
}

// comparing begins the span of a comparison that no message asked for: a trace of its own, unless one is under way.
func (a *Applier) comparing(ctx context.Context, key component.Key) (context.Context, tracing.Span) {
	if a.tracer == nil {
		return ctx, tracing.Span{}
	}
	ctx, span := a.tracer.Begin(ctx, event.Trace{}, "compare", trace.SpanKindInternal, time.Time{})
	if span.Recording() {
		span.Set(append(about(key), attribute.String("odasync.target", a.cfg.Target))...)
	}
	return tracing.About(ctx, key), span
}

func about(key component.Key) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("odasync.cluster", key.Cluster), attribute.String("odasync.namespace", key.Namespace),
		attribute.String("odasync.component", key.Name),
	}
}

// conclude ends the span of a message.
func conclude(span tracing.Span, v verdict) {
	if span.Recording() {
		span.Set(attribute.String("odasync.outcome", v.outcome), attribute.Int("odasync.writes", v.writes))
	}
	end(span, v.err)
}

// end ends a span with how its work ended.
func end(span tracing.Span, err error) {
	if err != nil && span.Recording() {
		span.Fail(kindOf(err), err.Error())
	}
	span.End()
}
