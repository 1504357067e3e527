package registry

import (
	"context"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"odasync/internal/tracing"
)

// traced begins the span of a request for whatever is traced in the context.
func (c *Client) traced(ctx context.Context, r Request) (context.Context, tracing.Span) {
	ctx, span := tracing.Child(ctx, r.String(), trace.SpanKindClient)
	if span.Recording() {
		target := c.target(r)
		span.Set(
			semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLTemplate(r.Path),
			semconv.URLFull(target.String()), // the base is without user and password
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

// concluded ends the span of a request with its answer. As the conventions for clients have it, every status from 400 on
// is an error, though some are what was to be found out.
func concluded(span tracing.Span, a answer) {
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
	case a.unreadable != nil:
		span.Fail("unreadable", a.unreadable.Error())
	case a.status >= 400:
		span.Fail(strconv.Itoa(a.status), "")
	}
}
