// Package tracing sends OpenTelemetry spans to a collector over OTLP, where the standard OTEL_* variables ask for it.
//
// A trace enters a process at its Tracer: the watcher begins one with each publish, the syncer goes on with the one that
// a message carries. Everything deeper is a child of the span in its context, and needs no Tracer. Without tracing the
// Tracer is nil and contexts hold no span: then nothing is built and nothing is allocated.
//
// Spans wait in a bounded queue and are dropped when it is full. A collector that is away never holds anything up; it is
// logged when that begins and when it ends. Package tracingtest has a collector for tests.
package tracing
