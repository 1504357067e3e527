package registry

import (
	"context"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/tracing"
)

// startSpan starts the span of a request under the context's span.
func (c *Client) startSpan(ctx context.Context, r Request) (context.Context, tracing.Span) {
	ctx, span := tracing.Child(ctx, r.String(), trace.SpanKindClient)
	if span.Recording() {
		span.Set(
			semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLTemplate(r.Path),
			semconv.URLFull(c.target(r).String()),
			semconv.ServerAddress(c.base.Hostname()), semconv.ServerPort(port(c.base.Port(), c.base.Scheme)),
		)
	}
	return ctx, span
}

func port(port, scheme string) int {
	number, err := strconv.Atoi(port)
	switch {
	case err == nil:
		return number
	case scheme == "https":
		return 443
	}
	return 80
}

// endSpan ends the span of a request with its answer. By the semantic conventions for clients every status from 400 on is
// an error, although some, such as 404 for a read, are expected.
func endSpan(span tracing.Span, a answer) {
	defer span.End()
	if !span.Recording() {
		return
	}
	if a.status != 0 {
		span.Set(semconv.HTTPResponseStatusCode(a.status))
	}
	switch {
	case a.err != nil:
		span.Fail(tracing.Kind(a.err), a.err.Error())
	case a.malformed != nil:
		span.Fail("malformed", a.malformed.Error())
	case a.status >= 400:
		span.Fail(strconv.Itoa(a.status), "")
	}
}
