package tracing

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"odasync/internal/component"
)

// MessagingSystem is the attribute of all spans about messages.
var MessagingSystem = semconv.MessagingSystemKey.String("nats")

// Kind is the error.type of an error without a better one.
func Kind(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// About returns a context that carries the component, for log lines further down.
func About(ctx context.Context, key component.Key) context.Context {
	return context.WithValue(ctx, about{}, key)
}

type about struct{}

// Log adds to a line what the context carries: the span, for [LogHook], and the component.
func Log(ctx context.Context, line *zerolog.Event) *zerolog.Event {
	if !line.Enabled() {
		return line
	}
	if key, known := ctx.Value(about{}).(component.Key); known {
		line.Str("cluster", key.Cluster).Str("namespace", key.Namespace).Str("component", key.Name)
	}
	return line.Ctx(ctx)
}
