package tracing

import (
	"sync"

	"github.com/go-logr/logr"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// LogHook adds trace_id and span_id to what is logged with the context of a span: log.Info().Ctx(ctx).
type LogHook struct{}

// Run implements zerolog.Hook.
func (LogHook) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	if span := trace.SpanContextFromContext(e.GetCtx()); span.IsValid() {
		e.Str("trace_id", span.TraceID().String()).Str("span_id", span.SpanID().String())
	}
}

var takeLog sync.Once

// useLog redirects what the SDK logs, globally for the process, from stderr to the log.
func useLog(log zerolog.Logger) {
	takeLog.Do(func() {
		otel.SetLogger(logr.New(sdkLog{log}))
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { sdkLog{log}.Error(err, "") }))
	})
}

// sdkLog is a logr.LogSink for errors. It omits the SDK's fields, which hold values of variables and so perhaps a key.
type sdkLog struct{ log zerolog.Logger }

func (s sdkLog) Error(err error, message string, _ ...any) {
	s.log.Warn().Err(err).Str("about", message).Msg("error of the OpenTelemetry SDK")
}

func (s sdkLog) Init(logr.RuntimeInfo)          {}
func (s sdkLog) Enabled(int) bool               { return false }
func (s sdkLog) Info(int, string, ...any)       {}
func (s sdkLog) WithValues(...any) logr.LogSink { return s }
func (s sdkLog) WithName(string) logr.LogSink   { return s }
