package syncer

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/component"
	"odasync/internal/target"
	"odasync/internal/tracing"
)

// traced returns the ports with a span around what each does for a message.
func traced(p Dependencies) Dependencies {
	p.States = tracedStates{p.States}
	p.DeadLetters, p.Registry = tracedLetters{p.DeadLetters}, tracedRegistry{p.Registry}
	return p
}

// kindOf is a word for an error: the failure's class where a registry tells one.
func kindOf(err error) string {
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

func step(ctx context.Context, name string) (context.Context, tracing.Span) {
	return tracing.Child(ctx, name, trace.SpanKindInternal)
}

type tracedStates struct{ States }

// Load implements States.
func (s tracedStates) Load(ctx context.Context, key component.Key) (target.State, error) {
	ctx, span := step(ctx, "load sync state")
	state, err := s.States.Load(ctx, key)
	end(span, err)
	return state, err
}

// Save implements States.
func (s tracedStates) Save(ctx context.Context, state target.State) (uint64, error) {
	ctx, span := step(ctx, "save sync state")
	if span.Recording() {
		span.Set(attribute.Bool("odasync.intent", state.Intent != 0), attribute.String("odasync.outcome", string(state.Outcome)))
	}
	revision, err := s.States.Save(ctx, state)
	end(span, err)
	return revision, err
}

type tracedLetters struct{ DeadLetters }

// Put implements DeadLetters.
func (l tracedLetters) Put(ctx context.Context, letter target.DeadLetter) error {
	ctx, span := step(ctx, "store dead letter")
	err := l.DeadLetters.Put(ctx, letter)
	end(span, err)
	return err
}

// Remove implements DeadLetters.
func (l tracedLetters) Remove(ctx context.Context, key component.Key, upTo uint64) error {
	ctx, span := step(ctx, "remove dead letter")
	err := l.DeadLetters.Remove(ctx, key, upTo)
	end(span, err)
	return err
}

// tracedRegistry has a span around each try.
type tracedRegistry struct{ target.Registry }

// Apply implements Registry.
func (r tracedRegistry) Apply(ctx context.Context, key component.Key, c *component.Component, prior target.Previous) (target.Result, error) {
	ctx, span := step(ctx, "apply")
	result, err := r.Registry.Apply(ctx, key, c, prior)
	ended(span, prior, result, err)
	return result, err
}

// Delete implements Registry.
func (r tracedRegistry) Delete(ctx context.Context, key component.Key, prior target.Previous) (target.Result, error) {
	ctx, span := step(ctx, "delete")
	result, err := r.Registry.Delete(ctx, key, prior)
	ended(span, prior, result, err)
	return result, err
}

func ended(span tracing.Span, prior target.Previous, result target.Result, err error) {
	if span.Recording() {
		span.Set(attribute.Bool("odasync.doubt", prior.InDoubt), attribute.Int("odasync.requests", result.Requests), attribute.Int("odasync.writes", result.Writes))
	}
	end(span, err)
}
