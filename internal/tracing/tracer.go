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

// Begin starts a span that goes on with the trace of a message or, where that has none, begins a trace.
func (t *Tracer) Begin(ctx context.Context, from event.Trace, name string, kind trace.SpanKind, began time.Time) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx = w3c.Extract(ctx, propagation.MapCarrier{event.HeaderTraceParent: from.Parent, event.HeaderTraceState: from.State})
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(began))
	return ctx, Span{span}
}

// Child starts a span within the one of the context; without one there, nothing.
func Child(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

var w3c propagation.TraceContext

// Carried is what a message carries for others to go on from the span of the context.
func Carried(ctx context.Context) event.Trace {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return event.Trace{Parent: carrier[event.HeaderTraceParent], State: carrier[event.HeaderTraceState]}
}

// InjectHTTP adds the span of the context to a request's headers.
func InjectHTTP(ctx context.Context, header http.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		w3c.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// Recording says whether attributes are worth the making.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Set adds attributes. Ask Recording first: they cost something to make.
func (s Span) Set(attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attributes...)
	}
}

// Fail marks the span as failed, with a word for the kind of failure and one line for people.
func (s Span) Fail(kind, words string) {
	if s.Recording() {
		s.span.SetAttributes(attribute.String("error.type", kind))
		s.span.SetStatus(codes.Error, words)
	}
}

// End ends the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}
