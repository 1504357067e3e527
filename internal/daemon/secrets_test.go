package daemon_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/common/expfmt"

	"odasync/internal/daemon"
	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/internal/tracing/tracingtest"
)

// A run in which all that holds a secret goes wrong once, and everybody repeats what they were sent.
func TestNothingShowsASecret(t *testing.T) {
	const urlPassword, seed = "url-pa55word", "SUAKEYMATERIALTHATNOBODYMAYSEE"
	secrets := []string{natsPassword, registryKey, collectorKey, urlPassword, seed, "wrong-pa55word"}
	secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte("ada:"+urlPassword)))
	withUser := func(p *pipeline) string { return strings.Replace(p.url, "http://", "http://ada:"+urlPassword+"@", 1) }
	tests := map[string]func(p *pipeline) map[string]string{
		"key": func(*pipeline) map[string]string { return nil },
		"password in the URL": func(p *pipeline) map[string]string {
			return map[string]string{"COMPONENT_REGISTRY_URL": withUser(p), "COMPONENT_REGISTRY_API_KEY": ""}
		},
	}
	for name, variables := range tests {
		t.Run(name, func(t *testing.T) {
			collector, p := tracingtest.Start(t), newPipeline(t)
			var denied, refused atomic.Bool
			collector.Refuse(func() (int, string) {
				if refused.CompareAndSwap(false, true) {
					return http.StatusForbidden, "no such key: Bearer " + collectorKey
				}
				return 0, ""
			})
			p.registry.SetFault(func(r *http.Request) *faults.Fault {
				echo := fmt.Sprintf(`{"detail":"you sent %s"}`, r.Header.Get("Authorization"))
				if denied.CompareAndSwap(false, true) {
					return &faults.Fault{Status: http.StatusUnauthorized, Body: echo}
				}
				if r.Method == http.MethodPost && r.URL.Path == "/components/" {
					return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: echo}
				}
				return nil
			})
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds
			all := map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": collector.HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + collectorKey,
				"COMPONENT_REGISTRY_RETRY_DELAY": "0",
			}
			for name, value := range variables(p) {
				all[name] = value
			}
			p.manifest(t, "orders", "1.0.0")
			p.start(t, all)
			// Beside it, processes that the broker does not let in.
			creds := filepath.Join(t.TempDir(), "nats.creds")
			testcheck.NoError(t, os.WriteFile(creds, []byte("-----BEGIN USER NKEY SEED-----\n"+seed+"\n------END USER NKEY SEED------\n"), 0o600))
			for _, broken := range []map[string]string{
				{"NATS_CREDS": creds, "NATS_URL": p.nats.URL()},
				{"NATS_URL": strings.Replace(p.natsURL, natsPassword, "wrong-pa55word", 1)},
			} {
				var cfg daemon.SyncerConfig
				p.run(t, "outsider", broken, cfg.Sections(), func(ctx context.Context, env daemon.Env) error { return daemon.Sync(ctx, &cfg, env) })
			}
			p.logged(t, `"message":"message done"`, `"outcome":"failed"`, "you sent")
			p.logged(t, "cannot send spans", "no such key")
			p.logged(t, "nats is not reachable")
			// Spans of what came after the refusal.
			p.manifest(t, "catalog", "1.0.0")
			p.logged(t, `"message":"message done"`, `"component":"catalog"`, `"outcome":"failed"`)
			metrics := p.metrics(t)
			stored := p.stored(t)
			p.stop()

			said := map[string]string{"log": p.log.String(), "metrics": metrics, "broker": stored, "traces": collector.Raw()}
			for where, shown := range map[string]string{ // what proves that the place was looked at
				"log": "you sent", "metrics": "oda_collector_registry_api_calls_total", "broker": "you sent", "traces": "you sent",
			} {
				if !strings.Contains(said[where], shown) {
					t.Errorf("%s lacks %q:\n%s", where, shown, said[where])
				}
			}
			for where, text := range said {
				for _, secret := range secrets {
					if at := strings.Index(text, secret); at >= 0 {
						t.Errorf("%s shows %q: …%s…", where, secret, text[max(0, at-200):min(len(text), at+100)])
					}
				}
			}
		})
	}
}

// metrics gives all metrics of all processes as a scrape does.
func (p *pipeline) metrics(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, env := range p.envs {
		families, err := env.Metrics.Gather()
		testcheck.NoError(t, err)
		for _, family := range families {
			testcheck.Must(expfmt.MetricFamilyToText(&b, family))
		}
	}
	return b.String()
}

// stored returns the content of all streams, and so of all buckets: subjects, headers, bodies, configurations.
func (p *pipeline) stored(t *testing.T) string {
	t.Helper()
	conn := testcheck.Must(nats.Connect(p.natsURL))
	defer conn.Close()
	js, err := jetstream.New(conn)
	testcheck.NoError(t, err)
	var b strings.Builder
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		fmt.Fprintf(&b, "%+v\n", info.Config)
		s, err := js.Stream(t.Context(), info.Config.Name)
		testcheck.NoError(t, err)
		for consumer := range s.ListConsumers(t.Context()).Info() {
			fmt.Fprintf(&b, "%+v\n", consumer.Config)
		}
		for sequence := info.State.FirstSeq; sequence <= info.State.LastSeq && sequence > 0; sequence++ {
			m, err := s.GetMsg(t.Context(), sequence)
			if err == nil { // others are removed
				fmt.Fprintf(&b, "%s %v %s\n", m.Subject, m.Header, m.Data)
			}
		}
	}
	testcheck.NoError(t, streams.Err())
	return b.String()
}
