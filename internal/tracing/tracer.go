package tracing

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/event"
)

// Tracer starts the spans with which a trace begins in this process. A nil Tracer starts none.
type Tracer struct{ tracer trace.Tracer }

// Span is one step of a trace. The zero Span records nothing.
type Span struct{ span trace.Span }

// Begin starts a span in the trace of a message or, where that has none, a new trace.
func (t *Tracer) Begin(ctx context.Context, from event.Trace, name string, kind trace.SpanKind, began time.Time) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx = w3c.Extract(ctx, propagation.MapCarrier{event.HeaderTraceParent: from.Parent, event.HeaderTraceState: from.State})
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(began))
	return ctx, Span{span}
}

// Child starts a span below the one of the context; without one there, none.
func Child(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

var w3c propagation.TraceContext

// Carried returns the trace context of the span, for a message.
func Carried(ctx context.Context) event.Trace {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return event.Trace{Parent: carrier[event.HeaderTraceParent], State: carrier[event.HeaderTraceState]}
}

// InjectHTTP adds the trace context of the span to the headers of a request.
func InjectHTTP(ctx context.Context, header http.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		w3c.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// Recording reports whether the span records attributes.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Set adds attributes. Check [Span.Recording] first: they cost something to build.
func (s Span) Set(attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attributes...)
	}
}

// Fail marks the span as failed, with an error.type and a message of one line.
func (s Span) Fail(kind, message string) {
	if s.Recording() {
		s.span.SetAttributes(attribute.String("error.type", kind))
		s.span.SetStatus(codes.Error, message)
	}
}

// End ends the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}
