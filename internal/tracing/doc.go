// Package tracing sends OpenTelemetry spans to a collector over OTLP, where the standard OTEL_* variables enable it.
//
// A trace enters a process at its [Tracer]: the watcher starts one with each publish, the syncer continues the one that a
// message carries. [Child] starts spans below the one in the context and needs no Tracer.
//
// # Guarantees
//
// Without tracing the Tracer is nil, contexts hold no span, and nothing is allocated. Spans wait in a bounded queue and are
// dropped when it is full; an unavailable collector blocks nothing and is logged when that begins and ends. Header values of
// the collector's configuration appear in no log line.
//
// The tests run the collector of package tracingtest.
package tracing
