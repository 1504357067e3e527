package tracing

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace"

	"odasync/internal/config"
)

// Supported values of OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL.
const (
	exporterNone = "none"
	exporterOTLP = "otlp"
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// Config holds variables of the OpenTelemetry specification. Empty values count as unset. The SDK reads the other ones by
// itself: timeouts, certificates, compression, the queue, limits and OTEL_RESOURCE_ATTRIBUTES.
type Config struct {
	Disabled       bool          `env:"OTEL_SDK_DISABLED" help:"true for no tracing whatever else is set"`
	Exporter       string        `env:"OTEL_TRACES_EXPORTER" help:"otlp for tracing, none for none; unset: tracing where an endpoint is set"`
	Endpoint       string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" help:"the OpenTelemetry collector: http:// or https://, a host and a port; 4318 for http/protobuf, 4317 for grpc"`
	TracesEndpoint string        `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" help:"the same for traces alone, with its path for http/protobuf"`
	Protocol       string        `env:"OTEL_EXPORTER_OTLP_PROTOCOL" help:"http/protobuf or grpc; unset: http/protobuf"`
	TracesProtocol string        `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" help:"the same for traces alone"`
	Headers        config.Secret `env:"OTEL_EXPORTER_OTLP_HEADERS" help:"headers for the collector, such as its key: name=value, with commas, values URL-encoded"`
	TracesHeaders  config.Secret `env:"OTEL_EXPORTER_OTLP_TRACES_HEADERS" help:"the same for traces alone"`
	Service        string        `env:"OTEL_SERVICE_NAME" help:"name of the process in traces; unset: odasync-watcher, odasync-syncer"`
	Sampler        string        `env:"OTEL_TRACES_SAMPLER" help:"always_on, always_off, traceidratio, or one of them with parentbased_ before it; unset: parentbased_always_on"`
	SamplerArg     string        `env:"OTEL_TRACES_SAMPLER_ARG" help:"share of the traces for traceidratio, 0 to 1; unset: 1"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	bad := func(name string, value any, allowed string) {
		problems = append(problems, fmt.Errorf("%s is %v: %s", name, value, allowed))
	}
	if !oneOf(c.Exporter, exporterOTLP, exporterNone) {
		bad("OTEL_TRACES_EXPORTER", strconv.Quote(c.Exporter), "otlp or none")
	}
	validateEndpoint("OTEL_EXPORTER_OTLP_ENDPOINT", c.Endpoint, bad)
	validateEndpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.TracesEndpoint, bad)
	for _, v := range []struct{ name, value string }{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", c.Protocol}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", c.TracesProtocol},
	} {
		if !oneOf(v.value, protocolHTTP, protocolGRPC) {
			bad(v.name, strconv.Quote(v.value), "http/protobuf or grpc")
		}
	}
	for _, v := range []struct {
		name  string
		value config.Secret
	}{{"OTEL_EXPORTER_OTLP_HEADERS", c.Headers}, {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", c.TracesHeaders}} {
		if _, err := parseHeaders(v.value); err != nil {
			bad(v.name, v.value, "name=value, several with commas, values URL-encoded")
		}
	}
	if _, known := c.sampler(); !known {
		bad("OTEL_TRACES_SAMPLER", strconv.Quote(c.Sampler), "always_on, always_off, traceidratio, or one of them with parentbased_ before it")
	}
	if ratio, err := strconv.ParseFloat(cmp.Or(c.SamplerArg, "1"), 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		bad("OTEL_TRACES_SAMPLER_ARG", strconv.Quote(c.SamplerArg), "0 to 1")
	}
	return errors.Join(problems...)
}

func validateEndpoint(name, value string, bad func(name string, value any, allowed string)) {
	if value == "" {
		return
	}
	const allowed = "http:// or https://, a host and a port"
	u, err := url.Parse(value)
	switch {
	case err != nil: // the error and the value might show a password
		bad(name, "not a URL", allowed)
	case u.User != nil:
		bad(name, strconv.Quote(u.Redacted()), "no user here: give OTEL_EXPORTER_OTLP_HEADERS")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		u.RawQuery, u.Fragment = "", "" // it may hold a token
		bad(name, strconv.Quote(u.String()), allowed)
	}
}

// oneOf reports whether the value is unset or one of those that are allowed.
func oneOf(value string, allowed ...string) bool {
	return value == "" || slices.Contains(allowed, value)
}

// Enabled reports whether spans are sent.
func (c Config) Enabled() bool {
	if c.Disabled || c.Exporter == exporterNone {
		return false
	}
	return c.Exporter == exporterOTLP || c.Endpoint != "" || c.TracesEndpoint != ""
}

func (c Config) protocol() string { return cmp.Or(c.TracesProtocol, c.Protocol, protocolHTTP) }

// address is the URL for spans. Over HTTP the path for traces is added to the endpoint for all signals.
func (c Config) address() string {
	switch {
	case c.TracesEndpoint != "":
		return c.TracesEndpoint
	case c.protocol() == protocolGRPC:
		return cmp.Or(c.Endpoint, "http://localhost:4317")
	}
	return strings.TrimRight(cmp.Or(c.Endpoint, "http://localhost:4318"), "/") + "/v1/traces"
}

// headers are those of the requests to the collector.
func (c Config) headers() map[string]string {
	headers, _ := parseHeaders(cmp.Or(c.TracesHeaders, c.Headers))
	return headers
}

// parseHeaders parses name=value pairs. Its error does not contain them.
func parseHeaders(text config.Secret) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text.Reveal(), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil || strings.ContainsAny(name+decoded, "\r\n") {
			return nil, errors.New("not name=value")
		}
		headers[name] = decoded
	}
	return headers, nil
}

// sampler returns the configured sampler; false for an unknown name.
func (c Config) sampler() (trace.Sampler, bool) {
	ratio, err := strconv.ParseFloat(c.SamplerArg, 64)
	if err != nil {
		ratio = 1 // unset; Validate has refused anything else
	}
	name, parentBased := strings.CutPrefix(cmp.Or(c.Sampler, "parentbased_always_on"), "parentbased_")
	var root trace.Sampler
	switch name {
	case "always_on":
		root = trace.AlwaysSample()
	case "always_off":
		root = trace.NeverSample()
	case "traceidratio":
		root = trace.TraceIDRatioBased(ratio)
	default:
		return nil, false
	}
	if parentBased {
		return trace.ParentBased(root), true
	}
	return root, true
}
