package tracing

import (
	"context"
	"errors"
	"strings"

	"github.com/rs/zerolog"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"odasync/internal/condition"
)

// watched is an exporter whose failures are logged when they change, and not returned.
type watched struct {
	sdk.SpanExporter
	away    *condition.Condition
	secrets []string // values that an error of the collector may repeat

	sending context.Context // ends when no more spans are sent
	giveUp  context.CancelFunc
}

func newWatched(to sdk.SpanExporter, cfg Config, log zerolog.Logger) *watched {
	w := &watched{SpanExporter: to, away: condition.New(log, "cannot send spans, which are lost: look at the collector and the OTEL_EXPORTER_OTLP variables",
		"spans are sent again", nil)}
	for _, value := range cfg.headers() {
		w.secrets = append(w.secrets, value)
		if _, credentials, found := strings.Cut(value, " "); found { // of an Authorization header
			w.secrets = append(w.secrets, credentials)
		}
	}
	w.sending, w.giveUp = context.WithCancel(context.Background())
	return w
}

// ExportSpans implements sdk.SpanExporter.
func (w *watched) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.sending, cancel)()
	w.away.Set(w.redacted(w.SpanExporter.ExportSpans(ctx, spans)))
	return nil // no caller could handle it
}

// redacted returns an error with the text only, without header values.
func (w *watched) redacted(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range w.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return errors.New(text)
}
