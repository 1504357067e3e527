package daemon_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/internal/tracing/tracingtest"
)

const (
	publishing = "publish oda.components.v1"
	processing = "process oda.components.v1"
)

func named(spans []tracingtest.Span, name string) (found []tracingtest.Span) {
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// A change is one trace, over both protocols: the publish, each delivery, and below it all that was asked of the registry.
func TestTracing_FromTheClusterToTheRegistry(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			collector, p := tracingtest.Start(t), newPipeline(t)
			endpoint := collector.HTTP
			if protocol == "grpc" {
				endpoint = collector.GRPC
			}
			// The first write fails, so that the message comes again.
			var failed atomic.Bool
			p.registry.SetFault(func(r *http.Request) *faults.Fault {
				if r.Method == http.MethodPost && r.URL.Path == "/components/" && failed.CompareAndSwap(false, true) {
					return &faults.Fault{Status: http.StatusServiceUnavailable, Body: "not now"}
				}
				return nil
			})
			p.manifest(t, "orders", "1.0.0")
			p.start(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
				"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + collectorKey,
			})
			line := p.logged(t, `"message":"message done"`, `"outcome":"applied"`)
			p.stop()

			spans := collector.Spans()
			published := named(spans, publishing)
			if len(published) != 1 {
				t.Fatalf("%d publishes: %+v", len(published), spans)
			}
			root := published[0]
			root.StartNanos, root.EndNanos = 0, 0
			want := tracingtest.Span{
				Service: "odasync-watcher", Name: publishing, Kind: "SPAN_KIND_PRODUCER", Trace: root.Trace, ID: root.ID,
				Attributes: map[string]string{
					"messaging.system": "nats", "messaging.operation.name": "publish", "messaging.operation.type": "send",
					"messaging.destination.template": "oda.components.v1.{cluster}.{namespace}.{name}",
					"messaging.destination.name":     "oda.components.v1.default.shop.orders",
					"messaging.message.id":           root.Attributes["messaging.message.id"], "messaging.message.body.size": root.Attributes["messaging.message.body.size"],
					"odasync.cluster": "default", "odasync.namespace": "shop", "odasync.component": "orders",
					"odasync.deleted": "false", "odasync.attempt": "1", "odasync.seq": "1",
				},
			}
			testcheck.Equal(t, "publish", want, root)
			if id := root.Attributes["messaging.message.id"]; !strings.HasPrefix(id, "oda.components.v1.default.shop.orders/0/") {
				t.Errorf("message id %q", id)
			}

			deliveries := named(spans, processing)
			if len(deliveries) < 2 {
				t.Fatalf("%d deliveries, want one that fails and one that does not: %+v", len(deliveries), deliveries)
			}
			first, last := deliveries[0], deliveries[len(deliveries)-1]
			for _, d := range deliveries {
				if d.Trace != root.Trace || d.Parent != root.ID || d.Kind != "SPAN_KIND_CONSUMER" || d.Service != "odasync-syncer" {
					t.Errorf("a delivery is not of the publish: %+v", d)
				}
			}
			if !first.Failed || first.Attributes["odasync.outcome"] != "retried" || first.Attributes["odasync.attempt"] != "1" {
				t.Errorf("the first delivery: %+v", first)
			}
			last.StartNanos, last.EndNanos = 0, 0
			want = tracingtest.Span{
				Service: "odasync-syncer", Name: processing, Kind: "SPAN_KIND_CONSUMER", Trace: root.Trace, ID: last.ID, Parent: root.ID,
				Attributes: map[string]string{
					"messaging.system": "nats", "messaging.operation.name": "process", "messaging.operation.type": "process",
					"messaging.destination.template": "oda.components.v1.{cluster}.{namespace}.{name}",
					"messaging.destination.name":     "oda.components.v1.default.shop.orders", "messaging.consumer.group.name": "default",
					"odasync.cluster": "default", "odasync.namespace": "shop", "odasync.component": "orders", "odasync.seq": "1",
					"odasync.attempt": last.Attributes["odasync.attempt"], "odasync.outcome": "applied", "odasync.writes": last.Attributes["odasync.writes"],
				},
			}
			testcheck.Equal(t, "the last delivery", want, last)
			if last.Attributes["odasync.attempt"] == "1" {
				t.Error("the last delivery does not count its attempt")
			}
			testcheck.Contains(t, "the log line", line, `"trace_id":"`+root.Trace+`"`, `"span_id":"`+last.ID+`"`)
			testcheck.Contains(t, "the watcher's line", p.logged(t, `"message":"published"`), `"trace_id":"`+root.Trace+`","span_id":"`+root.ID+`"`)
			testcheck.Contains(t, "the line of a request", p.logged(t, `"message":"registry request"`, `"endpoint":"/components/"`, `"method":"POST"`), `"trace_id":"`+root.Trace+`"`, `"component":"orders"`)
			expectSteps(t, spans, last)
			expectRequests(t, p, spans, root.Trace)
			for _, key := range collector.Keys() {
				testcheck.Equal(t, "key sent to the collector", "Bearer "+collectorKey, key)
			}
		})
	}
}

// expectSteps checks what a delivery did, in order.
func expectSteps(t *testing.T, spans []tracingtest.Span, of tracingtest.Span) {
	t.Helper()
	var steps []string
	for _, s := range spans {
		if s.Parent == of.ID {
			steps = append(steps, s.Name)
		}
	}
	// A letter may have been stored by an attempt that broke off.
	want := []string{"load sync state", "save sync state", "apply", "remove dead letter", "save sync state"}
	testcheck.Equal(t, "steps of the delivery", want, steps)
}

// expectRequests checks that the registry's requests are the spans of the trace, one to one.
func expectRequests(t *testing.T, p *pipeline, spans []tracingtest.Span, trace string) {
	t.Helper()
	byID := map[string]tracingtest.Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	came := p.traced()
	seen := 0
	for _, s := range spans {
		if s.Kind != "SPAN_KIND_CLIENT" {
			continue
		}
		seen++
		r := came[s.ID]
		if r == nil {
			t.Errorf("no request named the span %+v", s)
			continue
		}
		if above := byID[s.Parent].Name; s.Trace != trace || above != "apply" {
			t.Errorf("%s is in trace %s, below %q", s.Name, s.Trace, above)
		}
		template := s.Attributes["url.template"]
		want := tracingtest.Span{Name: r.Method + " " + template, Attributes: map[string]string{
			"http.request.method": r.Method, "url.template": template, "url.full": p.url + r.URL.String(),
			"server.address": "127.0.0.1", "server.port": p.url[strings.LastIndex(p.url, ":")+1:],
			"http.response.status_code": s.Attributes["http.response.status_code"],
		}}
		if s.Failed {
			want.Attributes["error.type"] = s.Attributes["http.response.status_code"]
		}
		testcheck.Equal(t, "request", want, tracingtest.Span{Name: s.Name, Attributes: s.Attributes})
		if !strings.HasPrefix(template, "/") || strings.ContainsAny(template, "0123456789") {
			t.Errorf("template %q", template)
		}
	}
	if seen != len(came) || seen == 0 {
		t.Errorf("%d spans of requests, and %d requests that name one", seen, len(came))
	}
	if creates := named(spans, "POST /components/"); len(creates) != 2 || !creates[0].Failed || creates[1].Failed {
		t.Errorf("creations: %+v", creates)
	}
}

func TestTracing_UnsampledIsNotSent(t *testing.T) {
	collector, p := tracingtest.Start(t), newPipeline(t)
	p.manifest(t, "orders", "1.0.0")
	p.start(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.HTTP + "/v1/traces", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"})
	p.logged(t, `"message":"message done"`, `"outcome":"applied"`)
	p.stop()
	testcheck.Empty(t, "spans", collector.Spans())
	// The decision travels, so that the registry does not begin a trace of its own.
	came := p.traced()
	if len(came) == 0 {
		t.Error("no request carries the decision")
	}
	for _, r := range came {
		if parent := r.Header.Get("traceparent"); !strings.HasSuffix(parent, "-00") {
			t.Errorf("traceparent %q", parent)
		}
	}
}

func TestTracing_Disabled(t *testing.T) {
	collector := tracingtest.Start(t)
	for name, variables := range map[string]map[string]string{
		"unset":    {},
		"none":     {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.HTTP},
		"disabled": {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.HTTP},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.manifest(t, "orders", "1.0.0")
			p.start(t, variables)
			line := p.logged(t, `"message":"message done"`, `"outcome":"applied"`)
			p.stop()
			if came := p.traced(); len(came) > 0 || strings.Contains(line, "trace_id") || len(collector.Spans()) > 0 {
				t.Errorf("%d requests with a trace; %s", len(came), line)
			}
		})
	}
}

// A collector that is away or refuses costs spans and nothing else.
func TestTracing_CollectorUnavailable(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds
	collector, p := tracingtest.Start(t), newPipeline(t)
	collector.Refuse(func() (int, string) { return http.StatusUnauthorized, "wrong key " + collectorKey })
	p.manifest(t, "orders", "1.0.0")
	p.start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + collectorKey})
	p.logged(t, `"message":"message done"`, `"component":"orders"`, `"outcome":"applied"`)
	p.logged(t, `"level":"warn"`, "cannot send spans, which are lost", "401")
	p.manifest(t, "catalog", "1.0.0")
	p.logged(t, `"message":"message done"`, `"component":"catalog"`, `"outcome":"applied"`)
	collector.Refuse(func() (int, string) { return 0, "" })
	p.manifest(t, "catalog", "1.0.1")
	p.logged(t, "spans are sent again")
	p.stop()
	testcheck.AtMost(t, "warnings from two processes for one outage", 2, strings.Count(p.log.String(), "cannot send spans"))
	if strings.Contains(p.log.String(), collectorKey) {
		t.Error("the log shows the collector's key")
	}
}
