package daemon_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/testcheck"
)

// bad is a value that a variable does not take.
type bad struct {
	value   string
	shown   string // how the problem shows the value; empty for the value itself
	allowed string // part of what the problem says is allowed
	beside  map[string]string
}

// anyText marks variables that take every text: paths, whose files are looked at when they are used, and an address to
// listen on.
var anyText = []bad{}

// badValues has an entry for every variable: of the wrong type, out of range, unknown, as far as there is such a thing.
var badValues = map[string][]bad{
	"KUBECONFIG":            anyText,
	"KUBERNETES_IN_CLUSTER": {{value: "perhaps", allowed: "true or false"}},
	"K8S_PROXY": {
		{value: "proxy:3128", allowed: "http, https or socks5"},
		{value: "ftp://proxy:21", allowed: "http, https or socks5"},
		{value: "gopher://ada:pa55@proxy:70", shown: "gopher://***@proxy:70", allowed: "http, https or socks5"},
	},
	"KUBERNETES_NAMESPACE":     {{value: "Not_A_Name", allowed: "neither a namespace nor a glob"}, {value: ",", allowed: `give one, a comma list, globs such as odacompns-*, or "all"`}},
	"KUBERNETES_WATCH_TIMEOUT": {{value: "long", allowed: "seconds"}, {value: "0", shown: "0s", allowed: "a second or more"}, {value: "-300", shown: "-5m0s", allowed: "a second or more"}},
	"ODA_COMPONENT_GROUP":      {{value: "oda tmforum", allowed: "an API group such as oda.tmforum.org"}},
	"ODA_COMPONENT_VERSION":    {{value: "v9", allowed: "v1, v1beta4, v1beta3, v1beta2"}},
	"ODA_COMPONENT_PLURAL":     {{value: "Components/", allowed: "a plural resource name such as components"}},
	"LEADER_ELECTION":          {{value: "2", allowed: "true or false"}},
	"WATCH_EXPOSED_APIS":       {{value: "perhaps", allowed: "true or false"}},
	"LEASE_NAMESPACE":          {{value: "a,b", allowed: "one namespace"}},
	"LEASE_NAME":               {{value: "My Lease", allowed: "an object name"}},
	"LEASE_DURATION": {
		{value: "ever", allowed: "seconds"}, {value: "2", shown: "2s", allowed: "whole seconds from 3s on"},
		{value: "3500ms", shown: "3.5s", allowed: "whole seconds from 3s on"},
	},
	"NATS_URL": {
		{value: "localhost", allowed: "nats://host:port"}, {value: "http://localhost:4222", allowed: "nats://host:port"},
		{value: "http://ada:pa55@nats:1", shown: "http://nats:1", allowed: "nats://host:port"},
		{value: "nats://one:4222,nats://", shown: "nats://", allowed: "nats://host:port"},
		{value: "nats://ada:pa55@nats:port", shown: "not a URL", allowed: "nats://host:port"},
	},
	"NATS_USER":          {{value: "ada", shown: "half set", allowed: "both or none"}, {value: "ada", shown: "both set", allowed: "one of them", beside: map[string]string{"NATS_PASSWORD": "pa55", "NATS_CREDS": "x.creds"}}},
	"NATS_PASSWORD":      {{value: "pa55", shown: "half set", allowed: "both or none"}},
	"NATS_CREDS":         anyText,
	"NATS_TLS_CA":        anyText,
	"NATS_TLS_CERT":      {{value: "cert.pem", shown: "half set", allowed: "both files or none"}},
	"NATS_TLS_KEY":       {{value: "key.pem", shown: "half set", allowed: "both files or none"}},
	"STREAM_REPLICAS":    {{value: "two", allowed: "a whole number"}, {value: "2", allowed: "0, 1, 3 or 5"}, {value: "7", allowed: "0, 1, 3 or 5"}, {value: "-1", allowed: "0, 1, 3 or 5"}},
	"STREAM_HISTORY":     {{value: "1.5", allowed: "a whole number"}, {value: "0", allowed: "1 to 10000"}, {value: "10001", allowed: "1 to 10000"}},
	"STREAM_MAX_BYTES":   {{value: "1GB", allowed: "a whole number"}, {value: "-1", allowed: "0 (no limit) or a number of bytes"}},
	"CLUSTER_NAME":       {{value: strings.Repeat("c", 101), allowed: "1 to 100 characters"}},
	"SYNC_INTERVAL":      {{value: "hourly", allowed: "seconds"}, {value: "-1", shown: "-1s", allowed: "0 for none, or a second or more"}, {value: "0.5", shown: "500ms", allowed: "0 for none, or a second or more"}},
	"SYNC_TARGET":        {{value: strings.Repeat("t", 101), allowed: "1 to 100 characters"}},
	"SYNC_CONCURRENCY":   {{value: "many", allowed: "a whole number"}, {value: "0", allowed: "1 to 1024"}, {value: "1025", allowed: "1 to 1024"}},
	"BATCH_SIZE":         {{value: "ten", allowed: "a whole number"}, {value: "0", allowed: "1 to 1000"}, {value: "1001", allowed: "1 to 1000"}},
	"SHUTDOWN_TIMEOUT":   {{value: "later", allowed: "seconds"}, {value: "-1", shown: "-1s", allowed: "0 to 1h"}, {value: "61m", shown: "1h1m0s", allowed: "0 to 1h"}},
	"MONITORING_ENABLED": {{value: "on", allowed: "true or false"}},
	"MONITORING_HOST":    anyText,
	"MONITORING_PORT":    {{value: "http", allowed: "a whole number"}, {value: "-1", allowed: "65535"}, {value: "65536", allowed: "65535"}},
	"MONITORING_ENDPOINT": {
		{value: "metrics", allowed: "a path such as /metrics"}, {value: "/livez", allowed: "other than those of health"},
		{value: "/healthz", allowed: "other than those of health"}, {value: "/loglevel", allowed: "other than those of health, /loglevel"},
		{value: "/debug/pprof/heap", allowed: "/debug/pprof"}, {value: "/a b", allowed: "a path such as /metrics"},
	},
	"LOG_LEVEL":                          {{value: "LOUD", allowed: "DEBUG, INFO, WARNING, ERROR or CRITICAL"}},
	"LOG_FORMAT":                         {{value: "xml", allowed: "console or json"}},
	"LOG_REPEATS":                        {{value: "few", allowed: "a whole number"}, {value: "-1", allowed: "0 (no limit) or a number"}},
	"MONITORING_TLS_CERT":                {{value: "cert.pem", shown: "half set", allowed: "both files or none"}},
	"MONITORING_TLS_KEY":                 {{value: "key.pem", shown: "half set", allowed: "both files or none"}},
	"MONITORING_PPROF":                   {{value: "heap", allowed: "true or false"}},
	"OTEL_SDK_DISABLED":                  {{value: "maybe", allowed: "true or false"}},
	"OTEL_TRACES_EXPORTER":               {{value: "jaeger", allowed: "otlp or none"}},
	"OTEL_EXPORTER_OTLP_ENDPOINT":        badEndpoints,
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": badEndpoints,
	"OTEL_EXPORTER_OTLP_PROTOCOL":        {{value: "http/json", allowed: "http/protobuf or grpc"}},
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": {{value: "udp", allowed: "http/protobuf or grpc"}},
	"OTEL_EXPORTER_OTLP_HEADERS":         badHeaders,
	"OTEL_EXPORTER_OTLP_TRACES_HEADERS":  badHeaders,
	"OTEL_SERVICE_NAME":                  anyText,
	"OTEL_TRACES_SAMPLER":                {{value: "sometimes", allowed: "always_on"}},
	"OTEL_TRACES_SAMPLER_ARG":            {{value: "all", allowed: "0 to 1"}, {value: "1.5", allowed: "0 to 1"}, {value: "-1", allowed: "0 to 1"}, {value: "NaN", allowed: "0 to 1"}},
	"TOMBSTONE_RETENTION":                {{value: "a month", allowed: "seconds"}, {value: "59", shown: "59s", allowed: "a minute or more"}},
	"ORPHAN_MAX_PERCENT":                 {{value: "many", allowed: "a whole number"}, {value: "-1", allowed: "0 to 100"}, {value: "101", allowed: "0 to 100"}},
	"SYNC_CLUSTERS":                      {{value: "east,,west", shown: `""`, allowed: "1 to 100 characters"}},
	"ORPHAN_POLICY":                      {{value: "burn", allowed: "delete, report or keep"}},
	"COMPONENT_REGISTRY_RETRY_ATTEMPTS":  {{value: "x", allowed: "a whole number"}, {value: "0", allowed: "1 to 100"}, {value: "101", allowed: "1 to 100"}},
	"COMPONENT_REGISTRY_RETRY_DELAY":     {{value: "x", allowed: "seconds"}, {value: "-5", shown: "-5s", allowed: "0 to 1h"}, {value: "2h", shown: "2h0m0s", allowed: "0 to 1h"}},
	"COMPONENT_REGISTRY_URL": {
		{value: "registry:8000", allowed: "http:// or https://"}, {value: "ftp://registry", allowed: "http:// or https://"}, {value: "http://", allowed: "a host"},
		{value: "http://ada:pa55@registry:port", shown: "not a URL", allowed: "http:// or https://"},
		{value: "http://registry/?token=pa55", shown: "http://registry/", allowed: "http:// or https://"},
		{value: "http://ada:pa55@registry", shown: "http://ada:xxxxx@registry", allowed: "no user here when COMPONENT_REGISTRY_API_KEY is set", beside: map[string]string{"COMPONENT_REGISTRY_API_KEY": "k"}},
		{value: "http://registry/" + strings.Repeat("x", 500), shown: "516 characters long", allowed: "at most 500"},
	},
	"COMPONENT_REGISTRY_API_KEY": {{value: "pa55 pa55", shown: "***", allowed: "printable ASCII"}, {value: "pa55-ä", shown: "***", allowed: "printable ASCII"}},
	"COMPONENT_REGISTRY_TIMEOUT": {{value: "x", allowed: "seconds"}, {value: "-1", shown: "-1s", allowed: "0 or more"}},
	"COMPONENT_REGISTRY_MAX_CONNECTIONS": {
		{value: "many", allowed: "a whole number"}, {value: "-1", allowed: "0 to 1024"}, {value: "1025", allowed: "0 to 1024"},
		{value: "16", allowed: "0 to 15", beside: map[string]string{"COMPONENT_REGISTRY_API": "tmf639"}},
	},
	"OAUTH2_TOKEN_URL": {
		{value: "issuer/token?k=pa55", shown: "***", allowed: "http:// or https://"},
		{value: "http://issuer/token", shown: "half set", allowed: "all three or none"},
		{value: "http://issuer/token", shown: "***", allowed: "not together with COMPONENT_REGISTRY_API_KEY", beside: map[string]string{
			"OAUTH2_CLIENT_ID": "c", "OAUTH2_CLIENT_SECRET": "pa55", "COMPONENT_REGISTRY_API_KEY": "k",
		}},
	},
	"OAUTH2_CLIENT_ID":                    {{value: "client", shown: "half set", allowed: "all three or none"}},
	"OAUTH2_CLIENT_SECRET":                {{value: "pa55", shown: "half set", allowed: "all three or none"}},
	"OAUTH2_SCOPES":                       anyText,
	"COMPONENT_REGISTRY_CA_FILE":          anyText,
	"COMPONENT_REGISTRY_CLIENT_CERT_FILE": {{value: "cert.pem", shown: "half set", allowed: "both files or none"}},
	"COMPONENT_REGISTRY_CLIENT_KEY_FILE":  {{value: "key.pem", shown: "half set", allowed: "both files or none"}},
	"COMPONENT_REGISTRY_PROXY":            {{value: "proxy:3128", shown: "***", allowed: "http, https or socks5"}, {value: "gopher://ada:pa55@proxy:70", shown: "***", allowed: "http, https or socks5"}},
	"COMPONENT_REGISTRY_NAME":             {{value: strings.Repeat("n", 101), allowed: "1 to 100 characters"}},
	"COMPONENT_REGISTRY_API":              {{value: "v3", allowed: "auto, v1 or tmf639"}},
	"COMPONENT_REGISTRY_ID_PREFIX": {
		{value: "a:b", allowed: "without spaces, ':' and '/'"}, {value: "a/b", allowed: "without spaces, ':' and '/'"}, {value: "a b", allowed: "without spaces, ':' and '/'"},
		{value: strings.Repeat("p", 101), allowed: "1 to 100 printable characters"},
	},
	"COMPONENT_REGISTRY_ADOPT":        {{value: "perhaps", allowed: "true or false"}},
	"COMPONENT_REGISTRY_DEPENDENCIES": {{value: "perhaps", allowed: "true or false"}},
	"COMPONENT_NAME_FORMAT":           {{value: "uid", allowed: "name or namespace.name"}},
	"EXPOSED_API_SEGMENTS":            {{value: "core,edge", shown: "edge", allowed: "core, management and security"}},
}

// badEndpoints are what an endpoint for spans may not be.
var badEndpoints = []bad{
	{value: "collector:4318", allowed: "http:// or https://"}, {value: "grpc://collector:4317", allowed: "http:// or https://"},
	{value: "https://", allowed: "a host"}, {value: "http://ada:pa55@collector:port", shown: "not a URL", allowed: "http:// or https://"},
	{value: "http://ada:pa55@collector:4318", shown: "http://ada:xxxxx@collector:4318", allowed: "give OTEL_EXPORTER_OTLP_HEADERS"},
	{value: "http://collector:4318/?key=pa55", shown: "http://collector:4318/", allowed: "http:// or https://"},
}

// badHeaders are what headers for the collector may not be.
var badHeaders = []bad{
	{value: "pa55", shown: "***", allowed: "name=value"}, {value: "a=1,=pa55", shown: "***", allowed: "name=value"}, {value: "key=pa55%zz", shown: "***", allowed: "URL-encoded"},
}

// secrets are the parts of the values above that no problem may show.
var secrets = []string{"pa55"}

func TestEveryVariableRefusesBadValues(t *testing.T) {
	known := map[string]bool{}
	for _, v := range variables() {
		known[v.Name] = true
		values, listed := badValues[v.Name]
		if !listed {
			t.Errorf("%s has no bad values here: add some, or anyText", v.Name)
		}
		for _, b := range values {
			t.Run(v.Name+"="+b.value[:min(len(b.value), 30)], func(t *testing.T) {
				env := map[string]string{v.Name: b.value}
				for name, value := range b.beside {
					env[name] = value
				}
				shown := b.shown
				if shown == "" {
					shown = b.value
				}
				oneProblem(t, env, v.Name, shown, b.allowed)
			})
		}
		t.Run(v.Name+" empty", func(t *testing.T) {
			env := map[string]string{v.Name: ""}
			if v.Default == "" {
				if got := problems(env); got != nil {
					t.Errorf("empty is no value, but: %q", got)
				}
				return
			}
			oneProblem(t, env, v.Name, "is empty", v.Default)
			if !strings.Contains(problems(env)[0], v.Help) {
				t.Errorf("does not say what is allowed: %q", problems(env))
			}
		})
	}
	for name := range badValues {
		if !known[name] {
			t.Errorf("%s is no variable any more", name)
		}
	}
}

// oneProblem expects a single line with the words, which shows no secret.
func oneProblem(t *testing.T, env map[string]string, words ...string) {
	t.Helper()
	got := problems(env)
	if len(got) != 1 {
		t.Fatalf("got %d problems, want one:\n%s", len(got), strings.Join(got, "\n"))
	}
	testcheck.Contains(t, "the problem", got[0], words...)
	for _, secret := range secrets {
		if strings.Contains(got[0], secret) {
			t.Errorf("%q shows a secret", got[0])
		}
	}
}

// problems loads everything that both processes read.
func problems(env map[string]string) []string {
	sections := append(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections()...)
	err := config.Load(context.Background(), envconfig.MapLookuper(env), append(sections, new(daemon.EnvConfig).Sections()...)...)
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	env := map[string]string{}
	for name, values := range badValues {
		// Of a pair one is enough, else nothing is wrong with it.
		if len(values) > 0 && name != "NATS_TLS_KEY" && name != "NATS_PASSWORD" && name != "MONITORING_TLS_KEY" && name != "COMPONENT_REGISTRY_CLIENT_KEY_FILE" &&
			name != "OAUTH2_CLIENT_ID" && name != "OAUTH2_CLIENT_SECRET" {
			env[name] = values[0].value
		}
	}
	got := strings.Join(problems(env), "\n")
	for name := range env {
		if !strings.Contains(got, name+" ") {
			t.Errorf("%s is not reported", name)
		}
	}
}
