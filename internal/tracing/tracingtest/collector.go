// Package tracingtest has an OpenTelemetry collector that keeps what it is sent: the real protocol, over HTTP and gRPC.
package tracingtest

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"odasync/internal/testcheck"
)

// Span is a span as a collector sees it.
type Span struct {
	Service, Name, Kind  string
	Trace, ID, Parent    string // in hex; the parent is empty for a root
	Attributes           map[string]string
	Failed               bool
	Detail               string // of a failure
	StartNanos, EndNanos uint64
}

// Collector listens on loopback until the test ends.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	HTTP, GRPC string // addresses for OTEL_EXPORTER_OTLP_ENDPOINT

	mu     sync.Mutex
	spans  []Span
	raw    string
	keys   []string // Authorization headers that came
	refuse func() (status int, body string)
}

// Start returns a collector that takes everything.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{refuse: func() (int, string) { return 0, "" }}
	server := httptest.NewServer(http.HandlerFunc(c.post))
	t.Cleanup(server.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testcheck.NoError(t, err)
	rpc := grpc.NewServer()
	collector.RegisterTraceServiceServer(rpc, c)
	ended := make(chan error, 1)
	go func() { ended <- rpc.Serve(listener) }()
	t.Cleanup(func() {
		rpc.Stop()
		testcheck.ErrorIs(t, "collector", nil, <-ended)
	})
	c.HTTP, c.GRPC = server.URL, "http://"+listener.Addr().String()
	return c
}

// Refuse makes the answer to what is sent over HTTP from now on; status 0 takes it.
func (c *Collector) Refuse(answer func() (status int, body string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = answer
}

// Spans returns what has come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Keys returns the Authorization headers that came.
func (c *Collector) Keys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keys)
}

// Raw returns all that has come so far as text.
func (c *Collector) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw
}

// post is OTLP over HTTP.
func (c *Collector) post(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	refuse := c.refuse
	c.mu.Unlock()
	if status, body := refuse(); status != 0 {
		http.Error(w, body, status)
		return
	}
	body, err := io.ReadAll(r.Body)
	request := new(collector.ExportTraceServiceRequest)
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err), http.StatusBadRequest)
		return
	}
	c.keep(request, r.Header.Get("Authorization"))
	answer, err := proto.Marshal(&collector.ExportTraceServiceResponse{})
	if err != nil {
		panic(err) // an empty message
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer) // a client that has gone needs no answer
}

// Export implements OTLP over gRPC.
func (c *Collector) Export(ctx context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	key := ""
	if came, ok := metadata.FromIncomingContext(ctx); ok && len(came.Get("authorization")) > 0 {
		key = came.Get("authorization")[0]
	}
	c.keep(request, key)
	return &collector.ExportTraceServiceResponse{}, nil
}

func (c *Collector) keep(request *collector.ExportTraceServiceRequest, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw += request.String() + "\n"
	c.keys = append(c.keys, key)
	for _, resource := range request.ResourceSpans {
		service := attributes(resource.Resource.GetAttributes())["service.name"]
		for _, scoped := range resource.ScopeSpans {
			for _, s := range scoped.Spans {
				c.spans = append(c.spans, Span{
					Service: service, Name: s.Name, Kind: s.Kind.String(), Trace: hex.EncodeToString(s.TraceId),
					ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), Attributes: attributes(s.Attributes),
					Failed: s.Status.GetCode().String() == "STATUS_CODE_ERROR", Detail: s.Status.GetMessage(),
					StartNanos: s.StartTimeUnixNano, EndNanos: s.EndTimeUnixNano,
				})
			}
		}
	}
}

// attributes gives values as text.
func attributes(pairs []*common.KeyValue) map[string]string {
	all := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		switch v := pair.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[pair.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[pair.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_BoolValue:
			all[pair.Key] = fmt.Sprint(v.BoolValue)
		default:
			all[pair.Key] = pair.Value.String()
		}
	}
	return all
}
