package deploy

import (
	"strings"
	"testing"
)

// TestValues_Invalid sets invalid values: rendering fails, and the error names the problem.
func TestValues_Invalid(t *testing.T) {
	const secret = "s3cret"
	for value, says := range map[string]string{
		"registry.url=":                                     "registry.url is empty: set it to the Component Registry's URL",
		"registry.url=registry:8000":                        "at '/registry/url'",
		"registry.url=http://user:" + secret + "@registry":  "registry.url contains credentials",
		"registry.componentNameFormat=full":                 "at '/registry/componentNameFormat': value must be one of 'name', 'namespace.name'",
		"registry.apiSegments={core,other}":                 "at '/registry/apiSegments/1': value must be one of",
		"registry.apiKey.value=x":                           "at '/registry/apiKey': additional properties 'value' not allowed",
		"registry.api=v2":                                   "at '/registry/api': value must be one of 'auto', 'v1', 'tmf639'",
		"registry.idPrefix=a:b":                             "at '/registry/idPrefix'",
		"registry.maxConnections=-1":                        "at '/registry/maxConnections'",
		"extraEnv.OAUTH2_CLIENT_SECRET=" + secret:           "put the client into a Secret",
		"nats.url=http://nats":                              "at '/nats/url'",
		"nats.url=nats://user:" + secret + "@nats":          "nats.url contains credentials",
		"nats.replicas=2":                                   "at '/nats/replicas': value must be one of 1, 3",
		"nats.tls.enabled=true":                             "at '/nats/tls': additional properties 'enabled' not allowed",
		"watcher.replicas=0":                                "at '/watcher/replicas': minimum: got 0, want 1",
		"watcher.command=":                                  "at '/watcher/command': minLength",
		"syncer.concurrency=2000":                           "at '/syncer/concurrency': maximum: got 2,000, want 1,024",
		"syncer.autoscaling.type=vpa":                       "at '/syncer/autoscaling/type': value must be one of 'none', 'hpa', 'keda'",
		"syncer.autoscaling.minReplicas=0":                  "at '/syncer/autoscaling/minReplicas'",
		"syncer.autoscaling.minReplica=3":                   "additional properties 'minReplica' not allowed",
		"namespaces={}":                                     "at '/namespaces/0': '' does not match",
		"namespaces={Components}":                           "at '/namespaces/0'",
		"namespaces=components":                             "at '/namespaces': got string, want array",
		"componentVersion=v2":                               "at '/componentVersion': value must be one of",
		"target=partner registry":                           "at '/target'",
		"syncInterval=often":                                "at '/syncInterval'",
		"stream.replicas=2":                                 "at '/stream/replicas': value must be one of 0, 1, 3, 5",
		"log.level=TRACE":                                   "at '/log/level': value must be one of",
		"monitoring.port=0":                                 "at '/monitoring/port'",
		"networkPolicy.registry.ports={http}":               "at '/networkPolicy/registry/ports/0'",
		"extraEnv.lower=x":                                  "at '/extraEnv': additional properties 'lower' not allowed",
		"extraEnv.COMPONENT_REGISTRY_API_KEY=" + secret:     "put the key into a Secret",
		"watcher.env.NATS_PASSWORD=" + secret:               "put the passwords into a Secret",
		"extraEnv.OTEL_EXPORTER_OTLP_HEADERS=" + secret:     "add that to extraEnvFrom",
		"extraEnv.NATS_URL=nats://user:" + secret + "@nats": "at '/extraEnv/NATS_URL'",
		"extraEnv.NATS_URL=user:" + secret + "@nats:4222":   "at '/extraEnv/NATS_URL'",
		"syncer.env.COMPONENT_REGISTRY_URL=http://user:" + secret + "@registry":     "at '/syncer/env/COMPONENT_REGISTRY_URL'",
		"syncer.env.COMPONENT_REGISTRY_PROXY=http://user:" + secret + "@proxy":      "at '/syncer/env/COMPONENT_REGISTRY_PROXY'",
		"watcher.env.K8S_PROXY=socks5://user:" + secret + "@proxy":                  "at '/watcher/env/K8S_PROXY'",
		"extraEnv.OTEL_EXPORTER_OTLP_ENDPOINT=http://user:" + secret + "@otel:4318": "at '/extraEnv/OTEL_EXPORTER_OTLP_ENDPOINT'",
		"extraEnv.ANYTHING=http://user:" + secret + "@somewhere":                    "at '/extraEnv/ANYTHING'",
		"monitoredNamespaces=components;other":                                      "at '/monitoredNamespaces'",
		"loglevel=25":                                                               "at '/loglevel'",
		"imageDigest=latest":                                                        "at '/imageDigest'",
		"monitoring.prometheusRule.alerts.OdasyncLate.severity=page":                "at '/monitoring/prometheusRule/alerts/OdasyncLate/severity'",
		"replicas=3": "additional properties 'replicas' not allowed",
	} {
		t.Run(value, func(t *testing.T) {
			_, err := template(chart(), set(value)...)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Fatalf("got %v, want an error with %q", err, says)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error contains the secret: %v", err)
			}
		})
	}
	for name, values := range map[string][]string{
		"minReplicas 5 is above maxReplicas 3":                {"syncer.autoscaling.type=hpa", "syncer.autoscaling.minReplicas=5", "syncer.autoscaling.maxReplicas=3"},
		"nats.config.port is a setting that the chart writes": {"nats.config.port=4223"},
		"alerts.OdasyncLates is not an alert":                 {"monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.alerts.OdasyncLates.enabled=false"},
		"the alert has no threshold":                          {"monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.alerts.OdasyncNotReady.threshold=1"},
		"nats.auth.secret and nats.creds.secret are both set": {"nats.auth.secret=passwords", "nats.creds.secret=creds"},
		"nats.tls.verifyClients needs TLS":                    {"nats.tls.verifyClients=true", "nats.tls.caSecret=ca"},
		"nats.tls.caSecret is empty":                          {"nats.tls.serverSecret=nats-tls", "nats.replicas=3"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := template(chart(), set(values...)...); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v", err)
			}
		})
	}
}
