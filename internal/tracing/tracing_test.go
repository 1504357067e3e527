package tracing

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/logtest"
	"odasync/internal/testcheck"
	"odasync/internal/tracing/tracingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfig_Address(t *testing.T) {
	tests := map[string]struct {
		cfg     Config
		address string // empty for no tracing
	}{
		"nothing set":              {Config{}, ""},
		"asked for":                {Config{Exporter: "otlp"}, "http://localhost:4318/v1/traces"},
		"asked for over gRPC":      {Config{Exporter: "otlp", Protocol: "grpc"}, "http://localhost:4317"},
		"endpoint":                 {Config{Endpoint: "https://collector:4318"}, "https://collector:4318/v1/traces"},
		"endpoint with a path":     {Config{Endpoint: "https://collector/otlp/"}, "https://collector/otlp/v1/traces"},
		"endpoint over gRPC":       {Config{Endpoint: "http://collector:4317", Protocol: "grpc"}, "http://collector:4317"},
		"endpoint of traces":       {Config{Endpoint: "http://a:1", TracesEndpoint: "http://b:2/spans"}, "http://b:2/spans"},
		"protocol of traces":       {Config{Endpoint: "http://a:1", Protocol: "http/protobuf", TracesProtocol: "grpc"}, "http://a:1"},
		"an endpoint and none":     {Config{Endpoint: "http://a:1", Exporter: "none"}, ""},
		"an endpoint but disabled": {Config{Endpoint: "http://a:1", Exporter: "otlp", Disabled: true}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.NoError(t, test.cfg.Validate())
			address := ""
			if test.cfg.Enabled() {
				address = test.cfg.address()
			}
			testcheck.Equal(t, "spans go to", test.address, address)
		})
	}
}

func TestConfig_Headers(t *testing.T) {
	cfg := Config{Headers: "a=1", TracesHeaders: " authorization = Bearer%20k=y+z ,x-tenant=t,"}
	testcheck.Equal(t, "headers", map[string]string{"authorization": "Bearer k=y+z", "x-tenant": "t"}, cfg.headers())
	for _, bad := range []string{"key", "=value", "a=%zz", "a=1%0d%0ab: 2"} {
		if headers, err := parseHeaders(config.Secret("x=s3cr3t," + bad)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q gives %v, %v", bad, headers, err)
		}
	}
}

func TestConfig_Samplers(t *testing.T) {
	tests := map[Config]string{
		{}:                                  trace.ParentBased(trace.AlwaysSample()).Description(),
		{Sampler: "always_on"}:              trace.AlwaysSample().Description(),
		{Sampler: "parentbased_always_off"}: trace.ParentBased(trace.NeverSample()).Description(),
		{Sampler: "traceidratio", SamplerArg: "0.25"}:           trace.TraceIDRatioBased(0.25).Description(),
		{Sampler: "parentbased_traceidratio", SamplerArg: ".5"}: trace.ParentBased(trace.TraceIDRatioBased(0.5)).Description(),
		{Sampler: "traceidratio"}:                               trace.TraceIDRatioBased(1).Description(),
	}
	for cfg, want := range tests {
		sampler, known := cfg.sampler()
		if !known || sampler.Description() != want {
			t.Errorf("%q %q: %v, %t, want %s", cfg.Sampler, cfg.SamplerArg, sampler, known, want)
		}
	}
}

func TestTracer_NilAllocatesNothing(t *testing.T) {
	var tracer *Tracer
	ctx, header := context.Background(), http.Header{}
	off, err := New(ctx, Config{}, Service{}, zerolog.Nop())
	if err != nil || off.Tracer() != nil {
		t.Fatalf("tracing that is off has the tracer %v, %v", off.Tracer(), err)
	}
	log := zerolog.Nop()
	allocations := testing.AllocsPerRun(1000, func() {
		ctx, span := tracer.Begin(ctx, event.Trace{}, "process", oteltrace.SpanKindConsumer, time.Time{})
		below, child := Child(ctx, "GET /", oteltrace.SpanKindClient)
		InjectHTTP(below, header)
		Log(below, log.Debug()).Msg("request")
		child.Fail("x", "y")
		child.End()
		if span.Recording() {
			t.Error("a span records")
		}
		span.End()
	})
	if allocations != 0 || len(header) != 0 {
		t.Errorf("%v allocations, headers %v", allocations, header)
	}
}

func TestExporter_HidesHeaderValues(t *testing.T) {
	w := newWatched(nil, Config{Headers: "authorization=Bearer%20k3y,x-key=0ther"}, zerolog.Nop())
	defer w.giveUp()
	got := w.redacted(errors.New("401: you sent Bearer k3y, or k3y, and 0ther"))
	if got.Error() != "401: you sent ***, or ***, and ***" {
		t.Errorf("shows %q", got)
	}
}

// What the SDK says of variables that it reads itself reaches the log without the variables' values.
func TestSDKLog(t *testing.T) {
	var out logtest.Buffer
	sink := sdkLog{zerolog.New(&out)}
	sink.Error(errors.New("missing ="), "parse headers", "input", "authorization s3cr3t")
	if got := out.String(); strings.Contains(got, "s3cr3t") || !strings.Contains(got, "parse headers") || !strings.Contains(got, "missing =") {
		t.Errorf("logged %s", got)
	}
}

func TestLog_NamesTheSpan(t *testing.T) {
	collector := tracingtest.Start(t)
	var out logtest.Buffer
	log := zerolog.New(&out).Hook(LogHook{})
	provider, err := New(t.Context(), Config{Endpoint: collector.HTTP}, Service{Name: "test"}, log)
	testcheck.NoError(t, err)
	ctx, span := provider.Tracer().Begin(t.Context(), event.Trace{}, "process", oteltrace.SpanKindConsumer, time.Time{})
	ctx = About(ctx, component.Key{Cluster: "east", Namespace: "shop", Name: "orders"})
	Log(ctx, log.Info()).Msg("within")
	log.Info().Msg("without")
	span.End()
	testcheck.NoError(t, provider.Close(t.Context()))
	spans := collector.Spans()
	if len(spans) != 1 {
		t.Fatalf("spans: %+v", spans)
	}
	for line := range strings.Lines(out.String()) {
		wanted := strings.Contains(line, `"message":"within"`)
		if has := strings.Contains(line, `"trace_id":"`+spans[0].Trace+`"`) && strings.Contains(line, `"span_id":"`+spans[0].ID+`"`) &&
			strings.Contains(line, `"cluster":"east","namespace":"shop","component":"orders"`); has != wanted {
			t.Errorf("the line %s has the span: %t", line, has)
		}
	}
}

// A collector that never answers holds the end up no longer than the caller waits.
func TestProvider_CloseIsBounded(t *testing.T) {
	collector := tracingtest.Start(t)
	hanging := make(chan struct{})
	collector.Refuse(func() (int, string) { <-hanging; return http.StatusServiceUnavailable, "" })
	provider, err := New(t.Context(), Config{Endpoint: collector.HTTP}, Service{Name: "test"}, zerolog.Nop())
	testcheck.NoError(t, err)
	_, span := provider.Tracer().Begin(t.Context(), event.Trace{}, "process", oteltrace.SpanKindConsumer, time.Time{})
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	testcheck.ErrorIs(t, "Close", context.DeadlineExceeded, provider.Close(ctx))
	close(hanging)
}

// A malformed trace context in a message is ignored.
func TestTracer_MalformedTraceContexts(t *testing.T) {
	collector := tracingtest.Start(t)
	provider, err := New(t.Context(), Config{Endpoint: collector.HTTP}, Service{Name: "test"}, zerolog.Nop())
	testcheck.NoError(t, err)
	strange := []event.Trace{
		{Parent: "00-short"}, {Parent: strings.Repeat("x", 10_000)}, {Parent: "00-00000000000000000000000000000000-0000000000000000-01"},
		{State: "a=1"}, {Parent: "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
	for _, from := range strange {
		_, span := provider.Tracer().Begin(t.Context(), from, "process", oteltrace.SpanKindConsumer, time.Time{})
		span.End()
	}
	testcheck.NoError(t, provider.Close(t.Context()))
	spans := collector.Spans()
	testcheck.Equal(t, "spans", len(strange), len(spans))
	for _, s := range spans {
		if s.Parent != "" {
			t.Errorf("%+v has a parent", s)
		}
	}
}
