package syncer

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// process applies one message in a span that continues the trace of its publish. A redelivered message gets another span
// there. The caller's slot is released once the registry has the message's state, or will not get it from here.
func (s *Syncer) process(ctx context.Context, message *event.Delivery) {
	ctx, span := s.beginProcess(ctx, message)
	written := sync.OnceFunc(s.Applier.limiter.Release)
	d := s.apply(ctx, message, written)
	written()
	s.dispose(ctx, message, d)
	endProcess(span, d)
}

// skip acknowledges a message that a newer one has replaced.
func (s *Syncer) skip(ctx context.Context, message *event.Delivery) {
	ctx, span := s.beginProcess(ctx, message)
	s.dispose(ctx, message, superseded)
	endProcess(span, superseded)
}

// beginProcess begins the span of a message.
func (s *Syncer) beginProcess(ctx context.Context, message *event.Delivery) (context.Context, tracing.Span) {
	tracer := s.Applier.tracer
	if tracer == nil {
		return ctx, tracing.Span{}
	}
	ctx, span := tracer.Begin(ctx, message.Trace, "process "+event.ComponentPrefix, trace.SpanKindConsumer, time.Time{})
	if span.Recording() {
		span.Set(append(keyAttributes(message.Key),
			tracing.MessagingSystem, semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationTemplate(event.SubjectTemplate), semconv.MessagingDestinationName(event.Subject(message.Key)),
			semconv.MessagingConsumerGroupName(s.Applier.cfg.Target),
			attribute.Int64("odasync.seq", int64(message.Sequence)), attribute.Int("odasync.attempt", message.Attempt))...)
	}
	return tracing.About(ctx, message.Key), span
}

// beginCompare begins the span of a comparison without a message: a trace of its own, unless one is active.
func (a *Applier) beginCompare(ctx context.Context, key component.Key) (context.Context, tracing.Span) {
	if a.tracer == nil {
		return ctx, tracing.Span{}
	}
	ctx, span := a.tracer.Begin(ctx, event.Trace{}, "compare", trace.SpanKindInternal, time.Time{})
	if span.Recording() {
		span.Set(append(keyAttributes(key), attribute.String("odasync.target", a.cfg.Target))...)
	}
	return tracing.About(ctx, key), span
}

func keyAttributes(key component.Key) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("odasync.cluster", key.Cluster), attribute.String("odasync.namespace", key.Namespace),
		attribute.String("odasync.component", key.Name),
	}
}

// endProcess ends the span of a message.
func endProcess(span tracing.Span, d disposition) {
	if span.Recording() {
		span.Set(attribute.String("odasync.outcome", d.outcome), attribute.Int("odasync.writes", d.writes))
	}
	end(span, d.err)
}

// end ends a span with the result of its work.
func end(span tracing.Span, err error) {
	if err != nil && span.Recording() {
		span.Fail(errorType(err), err.Error())
	}
	span.End()
}

// traced returns the dependencies with a span around each call for a message.
func traced(p Dependencies) Dependencies {
	p.States = tracedStates{p.States}
	p.DeadLetters, p.Registry = tracedDeadLetters{p.DeadLetters}, tracedRegistry{p.Registry}
	return p
}

// errorType returns the error.type of a span: the class of a registry's failure.
func errorType(err error) string {
	var failure *target.Failure
	switch {
	case errors.As(err, &failure):
		return string(failure.Class)
	case errors.Is(err, target.ErrClaimed):
		return outcomeClaimed
	case errors.Is(err, target.ErrConflict):
		return "conflict"
	}
	return tracing.Kind(err)
}

func beginCall(ctx context.Context, name string) (context.Context, tracing.Span) {
	return tracing.Child(ctx, name, trace.SpanKindInternal)
}

type tracedStates struct{ States }

// Load implements States.
func (s tracedStates) Load(ctx context.Context, key component.Key) (target.State, error) {
	ctx, span := beginCall(ctx, "load sync state")
	state, err := s.States.Load(ctx, key)
	end(span, err)
	return state, err
}

// Save implements States.
func (s tracedStates) Save(ctx context.Context, state target.State) (uint64, error) {
	ctx, span := beginCall(ctx, "save sync state")
	if span.Recording() {
		span.Set(attribute.Bool("odasync.intent", state.Intent != 0), attribute.String("odasync.outcome", string(state.Outcome)))
	}
	revision, err := s.States.Save(ctx, state)
	end(span, err)
	return revision, err
}

type tracedDeadLetters struct{ DeadLetters }

// Put implements DeadLetters.
func (l tracedDeadLetters) Put(ctx context.Context, letter target.DeadLetter) error {
	ctx, span := beginCall(ctx, "store dead letter")
	err := l.DeadLetters.Put(ctx, letter)
	end(span, err)
	return err
}

// Remove implements DeadLetters.
func (l tracedDeadLetters) Remove(ctx context.Context, key component.Key, upTo uint64) error {
	ctx, span := beginCall(ctx, "remove dead letter")
	err := l.DeadLetters.Remove(ctx, key, upTo)
	end(span, err)
	return err
}

// tracedRegistry begins a span for each try.
type tracedRegistry struct{ target.Registry }

// Apply implements target.Registry.
func (r tracedRegistry) Apply(ctx context.Context, key component.Key, c *component.Component, previous target.Previous) (target.Result, error) {
	ctx, span := beginCall(ctx, "apply")
	result, err := r.Registry.Apply(ctx, key, c, previous)
	endCall(span, previous, result, err)
	return result, err
}

// Delete implements target.Registry.
func (r tracedRegistry) Delete(ctx context.Context, key component.Key, previous target.Previous) (target.Result, error) {
	ctx, span := beginCall(ctx, "delete")
	result, err := r.Registry.Delete(ctx, key, previous)
	endCall(span, previous, result, err)
	return result, err
}

func endCall(span tracing.Span, previous target.Previous, result target.Result, err error) {
	if span.Recording() {
		span.Set(attribute.Bool("odasync.in_doubt", previous.InDoubt), attribute.Int("odasync.requests", result.Requests), attribute.Int("odasync.writes", result.Writes))
	}
	end(span, err)
}
