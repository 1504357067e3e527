package tracing

import (
	"context"
	"fmt"
	"net/url"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// scope names this program's instrumentation.
const scope = "odasync"

// Provider sends the spans of a process. The zero Provider is tracing that is off.
type Provider struct {
	tracer   *Tracer
	provider *sdk.TracerProvider
	exporter *watched
}

// Service identifies this process in traces.
type Service struct {
	Name    string // where OTEL_SERVICE_NAME is unset
	Version string
}

// New returns the provider for a validated configuration. It does not connect: an unavailable collector is tried again with each
// batch of spans.
func New(ctx context.Context, cfg Config, service Service, log zerolog.Logger) (*Provider, error) {
	if !cfg.Enabled() {
		return &Provider{}, nil
	}
	useLog(log)
	client, err := newClient(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up tracing: %w: check the OTEL_EXPORTER_OTLP variables, or set OTEL_TRACES_EXPORTER=none", err)
	}
	about, err := describe(ctx, cfg, service)
	if err != nil {
		return nil, fmt.Errorf("set up tracing: %w: check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	sampler, _ := cfg.sampler() // Validate knows the name
	exporter := newWatched(client, cfg, log)
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sampler))
	log.Info().Str("endpoint", host(cfg.address())).Str("protocol", cfg.protocol()).Msg("tracing")
	return &Provider{tracer: &Tracer{provider.Tracer(scope)}, provider: provider, exporter: exporter}, nil
}

// Tracer returns nil while tracing is off.
func (p *Provider) Tracer() *Tracer { return p.tracer }

// Close sends the waiting spans until the context ends. The rest is lost.
func (p *Provider) Close(ctx context.Context) error {
	if p.provider == nil {
		return nil
	}
	// The SDK stops waiting when the context ends, but not the request.
	defer p.exporter.giveUp()
	if err := p.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last spans: %w", err)
	}
	return nil
}

// newClient returns the exporter. The SDK reads further variables from the environment by itself.
func newClient(ctx context.Context, cfg Config) (sdk.SpanExporter, error) {
	address, headers := cfg.address(), cfg.headers()
	if cfg.protocol() == protocolGRPC {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(address)}
		if len(headers) > 0 {
			options = append(options, otlptracegrpc.WithHeaders(headers))
		}
		return otlptrace.New(ctx, otlptracegrpc.NewClient(options...))
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(address)}
	if len(headers) > 0 {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(options...))
}

// describe returns the resource of all spans. The variables come last and take precedence.
func describe(ctx context.Context, cfg Config, service Service) (*resource.Resource, error) {
	attributes := []attribute.KeyValue{
		attribute.String("service.name", service.Name), attribute.String("service.version", service.Version),
	}
	named := resource.WithAttributes()
	if cfg.Service != "" {
		named = resource.WithAttributes(attribute.String("service.name", cfg.Service))
	}
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attributes...), resource.WithFromEnv(), named)
}

// host is that of the collector, for the log; the path may hold a key.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
