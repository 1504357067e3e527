package deploy

import (
	"slices"
	"strings"
	"testing"
)

// TestValues renders the chart with combinations of values. The API server accepts every result without a warning.
func TestValues(t *testing.T) {
	const (
		watcher, syncer, nats = "Deployment odasync-watcher", "Deployment odasync-syncer", "StatefulSet odasync-nats"
		scaled, budget        = "ScaledObject odasync-syncer", "PodDisruptionBudget odasync-nats"
	)
	tests := map[string]struct {
		values   []string
		has, not []string // ids
		check    func(t *testing.T, all objects)
	}{
		"as it comes": {
			has: []string{watcher, syncer, nats, "Role components/odasync-watcher", "RoleBinding components/odasync-watcher",
				"ClusterRole odasync-watcher-crd", "Role odasync-watcher-lease", "NetworkPolicy odasync-default-deny",
				"NetworkPolicy odasync-watcher", "NetworkPolicy odasync-syncer", "NetworkPolicy odasync-nats",
				"PodDisruptionBudget odasync-watcher", "PodDisruptionBudget odasync-syncer", "Service odasync-nats-headless"},
			not: []string{"ClusterRole odasync-watcher", "ClusterRoleBinding odasync-watcher", scaled, budget,
				"HorizontalPodAutoscaler odasync-syncer", "ServiceMonitor odasync-watcher", "PrometheusRule odasync-alerts"},
			check: func(t *testing.T, all objects) {
				equal(t, all, watcher, "spec.replicas", 2)
				equal(t, all, syncer, "spec.replicas", 2)
				equal(t, all, "NetworkPolicy odasync-syncer", "spec.egress.2.ports.0.port", 8000)
				variables(t, all, watcher, map[string]string{"LOG_FORMAT": "json", "KUBERNETES_NAMESPACE": "components",
					"NATS_URL": "nats://odasync-nats.canvas.svc:4222", "STREAM_REPLICAS": "1", "NATS_CREDS": "", "COMPONENT_REGISTRY_URL": ""})
				for _, process := range []string{watcher, syncer} { // half of 128Mi
					variables(t, all, process, map[string]string{"GOMEMLIMIT": "67108864", "SYNC_INTERVAL": "60"})
				}
				variables(t, all, syncer, map[string]string{"SYNC_TARGET": "default", "COMPONENT_REGISTRY_URL": "http://registry.example:8000/path",
					"COMPONENT_REGISTRY_API_KEY_FILE": "", "KUBERNETES_NAMESPACE": ""})
			},
		},
		"another memory limit": {
			values: []string{"syncer.resources.limits.memory=1G", "watcher.env.GOMEMLIMIT=70MiB"},
			check: func(t *testing.T, all objects) {
				variables(t, all, syncer, map[string]string{"GOMEMLIMIT": "500000000"})
				variables(t, all, watcher, map[string]string{"GOMEMLIMIT": "70MiB"})
			},
		},
		"a memory limit in bytes": {
			values: []string{"syncer.resources.limits.memory=268435456"},
			check: func(t *testing.T, all objects) {
				variables(t, all, syncer, map[string]string{"GOMEMLIMIT": "134217728"})
			},
		},
		"a memory limit of another form": {
			values: []string{"syncer.resources.limits.memory=1.5Gi", "watcher.resources.limits=null"},
			check: func(t *testing.T, all objects) {
				variables(t, all, syncer, map[string]string{"GOMEMLIMIT": ""})
				variables(t, all, watcher, map[string]string{"GOMEMLIMIT": ""})
			},
		},
		"several namespaces": {
			values: []string{"namespaces={components,odacompns-a}"},
			has:    []string{"Role components/odasync-watcher", "Role odacompns-a/odasync-watcher", "RoleBinding odacompns-a/odasync-watcher"},
			not:    []string{"ClusterRole odasync-watcher"},
			check: func(t *testing.T, all objects) {
				variables(t, all, watcher, map[string]string{"KUBERNETES_NAMESPACE": "components,odacompns-a"})
			},
		},
		"a glob": {
			values: []string{"namespaces={components,odacompns-*}"},
			has:    []string{"ClusterRole odasync-watcher", "ClusterRoleBinding odasync-watcher"},
			not:    []string{"Role components/odasync-watcher"},
		},
		"all namespaces": {
			values: []string{"namespaces={all}"},
			has:    []string{"ClusterRole odasync-watcher", "ClusterRoleBinding odasync-watcher"},
			not:    []string{"Role all/odasync-watcher"},
		},
		"a pinned version": {
			values: []string{"componentVersion=v1"},
			has:    []string{"ClusterRole odasync-watcher-crd", "ClusterRoleBinding odasync-watcher-crd"}, // its uid identifies the cluster
			check: func(t *testing.T, all objects) {
				variables(t, all, watcher, map[string]string{"ODA_COMPONENT_VERSION": "v1"})
			},
		},
		"ExposedAPI objects": {
			values: []string{"watchExposedAPIs=true"},
			check: func(t *testing.T, all objects) {
				variables(t, all, watcher, map[string]string{"WATCH_EXPOSED_APIS": "true"})
				equal(t, all, "Role components/odasync-watcher", "rules.1.resources.0", "exposedapis")
				equal(t, all, "Role components/odasync-watcher", "rules.1.verbs.0", "list")
				equal(t, all, "Role components/odasync-watcher", "rules.1.verbs.1", "watch")
			},
		},
		"ExposedAPI objects of all namespaces": {
			values: []string{"watchExposedAPIs=true", "namespaces={all}"},
			check: func(t *testing.T, all objects) {
				equal(t, all, "ClusterRole odasync-watcher", "rules.1.resources.0", "exposedapis")
			},
		},
		"NATS of one's own": {
			values: []string{`nats.url=nats://a.nats:4333\,tls://b.nats`},
			not:    []string{nats, "ServiceAccount odasync-nats", "Service odasync-nats", "ConfigMap odasync-nats", "NetworkPolicy odasync-nats"},
			check: func(t *testing.T, all objects) {
				for _, process := range []string{"watcher", "syncer"} {
					variables(t, all, "Deployment odasync-"+process, map[string]string{"NATS_URL": "nats://a.nats:4333,tls://b.nats", "STREAM_REPLICAS": "0"})
					equal(t, all, "NetworkPolicy odasync-"+process, "spec.egress.1.ports.0.port", 4333)
					equal(t, all, "NetworkPolicy odasync-"+process, "spec.egress.1.ports.1.port", 4222)
				}
			},
		},
		"three NATS servers": {
			values: []string{"nats.replicas=3"},
			has:    []string{budget},
			check: func(t *testing.T, all objects) {
				equal(t, all, nats, "spec.replicas", 3)
				equal(t, all, "NetworkPolicy odasync-nats", "spec.egress.1.ports.0.port", 6222)
				variables(t, all, watcher, map[string]string{"STREAM_REPLICAS": "3"})
				variables(t, all, syncer, map[string]string{"STREAM_REPLICAS": "3"})
				config := all.field(t, "ConfigMap odasync-nats", "data").(map[string]any)["nats.conf"].(string)
				for _, route := range []string{"odasync-nats-0.odasync-nats-headless.canvas.svc:6222", "odasync-nats-2.odasync-nats-headless.canvas.svc:6222"} {
					if !strings.Contains(config, route) {
						t.Errorf("no route %s in\n%s", route, config)
					}
				}
			},
		},
		"KEDA": {
			values: []string{"syncer.autoscaling.type=keda", "target=partner", "syncer.autoscaling.lagThreshold=1000000"},
			has:    []string{scaled},
			not:    []string{"HorizontalPodAutoscaler odasync-syncer"},
			check: func(t *testing.T, all objects) {
				equal(t, all, syncer, "spec.replicas", nil)
				variables(t, all, watcher, map[string]string{"SYNC_TARGET": "partner"}) // for ctl
				variables(t, all, syncer, map[string]string{"SYNC_TARGET": "partner"})
				metadata := "spec.triggers.0.metadata."
				equal(t, all, scaled, metadata+"url", "http://odasync-syncer-metrics.canvas.svc:8080/metrics")
				equal(t, all, scaled, metadata+"targetValue", "1000000")
				equal(t, all, scaled, "spec.minReplicaCount", 2)
				equal(t, all, scaled, "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds", 300)
				equal(t, all, scaled, "spec.cooldownPeriod", nil) // which is for a scale to zero
			},
		},
		"KEDA with metrics over HTTPS": {
			values: []string{"syncer.autoscaling.type=keda", "monitoring.tlsSecret=cert"},
			check: func(t *testing.T, all objects) {
				equal(t, all, scaled, "spec.triggers.0.metadata.url", "https://odasync-syncer-metrics.canvas.svc:8080/metrics")
			},
		},
		"HPA": {
			values: []string{"syncer.autoscaling.type=hpa", "syncer.autoscaling.behavior.scaleDown.stabilizationWindowSeconds=60"},
			has:    []string{"HorizontalPodAutoscaler odasync-syncer"},
			not:    []string{scaled},
			check: func(t *testing.T, all objects) {
				equal(t, all, syncer, "spec.replicas", nil)
				equal(t, all, "HorizontalPodAutoscaler odasync-syncer", "spec.scaleTargetRef.name", "odasync-syncer")
				equal(t, all, "HorizontalPodAutoscaler odasync-syncer", "spec.behavior.scaleDown.stabilizationWindowSeconds", 60)
			},
		},
		"secrets": {
			values: []string{"registry.apiKey.secret=registry-key", "nats.creds.secret=nats-creds", "nats.tls.caSecret=nats-ca",
				"nats.tls.watcherSecret=watcher-cert", "nats.tls.syncerSecret=syncer-cert"},
			check: func(t *testing.T, all objects) {
				files := map[string]string{"NATS_CREDS": "/etc/odasync/nats-creds/nats.creds", "NATS_TLS_CA": "/etc/odasync/nats-ca/ca.crt",
					"NATS_TLS_CERT": "/etc/odasync/nats-tls/tls.crt", "NATS_TLS_KEY": "/etc/odasync/nats-tls/tls.key"}
				variables(t, all, watcher, files)
				variables(t, all, syncer, files)
				variables(t, all, watcher, map[string]string{"COMPONENT_REGISTRY_API_KEY_FILE": ""})
				variables(t, all, syncer, map[string]string{"COMPONENT_REGISTRY_API_KEY_FILE": "/etc/odasync/registry/api-key"})
				expectEnvironment(t, all, watcher, "nats-creds watcher.creds as /etc/odasync/nats-creds/nats.creds",
					"nats-ca ca.crt as /etc/odasync/nats-ca/ca.crt", "watcher-cert tls.crt as /etc/odasync/nats-tls/tls.crt",
					"watcher-cert tls.key as /etc/odasync/nats-tls/tls.key")
				expectEnvironment(t, all, syncer, "nats-creds syncer.creds as /etc/odasync/nats-creds/nats.creds",
					"nats-ca ca.crt as /etc/odasync/nats-ca/ca.crt", "syncer-cert tls.crt as /etc/odasync/nats-tls/tls.crt",
					"syncer-cert tls.key as /etc/odasync/nats-tls/tls.key", "registry-key api-key as /etc/odasync/registry/api-key")
			},
		},
		"a TMF639 registry": {
			values: []string{"registry.api=tmf639", "registry.idPrefix=north-{cluster}", "registry.adopt=false", "registry.maxConnections=3",
				"registry.apiSegments={core,security}", "registry.oauth2.secret=client", "registry.oauth2.scopes={a,b}", "registry.tls.caSecret=ca",
				"registry.tls.clientSecret=cert"},
			check: func(t *testing.T, all objects) {
				variables(t, all, syncer, map[string]string{
					"COMPONENT_REGISTRY_API": "tmf639", "COMPONENT_REGISTRY_ID_PREFIX": "north-{cluster}", "COMPONENT_REGISTRY_ADOPT": "false",
					"COMPONENT_REGISTRY_MAX_CONNECTIONS": "3", "EXPOSED_API_SEGMENTS": "core,security", "OAUTH2_SCOPES": "a,b",
					"OAUTH2_TOKEN_URL_FILE":               "/etc/odasync/registry-oauth2/token_url",
					"OAUTH2_CLIENT_ID_FILE":               "/etc/odasync/registry-oauth2/client_id",
					"OAUTH2_CLIENT_SECRET_FILE":           "/etc/odasync/registry-oauth2/client_secret",
					"COMPONENT_REGISTRY_CA_FILE":          "/etc/odasync/registry-ca/ca.crt",
					"COMPONENT_REGISTRY_CLIENT_CERT_FILE": "/etc/odasync/registry-tls/tls.crt",
					"COMPONENT_REGISTRY_CLIENT_KEY_FILE":  "/etc/odasync/registry-tls/tls.key",
				})
				expectEnvironment(t, all, syncer, "client token_url as /etc/odasync/registry-oauth2/token_url",
					"client client_id as /etc/odasync/registry-oauth2/client_id", "client client_secret as /etc/odasync/registry-oauth2/client_secret",
					"ca ca.crt as /etc/odasync/registry-ca/ca.crt", "cert tls.crt as /etc/odasync/registry-tls/tls.crt",
					"cert tls.key as /etc/odasync/registry-tls/tls.key")
				expectEnvironment(t, all, watcher) // which does not write to the registry
			},
		},
		"variables": {
			values: []string{"extraEnv.OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4318", "extraEnv.LOG_LEVEL=DEBUG",
				"watcher.env.LOG_LEVEL=ERROR", "syncer.env.BATCH_SIZE=1000000", "extraEnvFrom[0].secretRef.name=more"},
			check: func(t *testing.T, all objects) {
				variables(t, all, watcher, map[string]string{"LOG_LEVEL": "ERROR", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "BATCH_SIZE": ""})
				variables(t, all, syncer, map[string]string{"LOG_LEVEL": "DEBUG", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "BATCH_SIZE": "1000000"})
				equal(t, all, syncer, "spec.template.spec.containers.0.envFrom.0.secretRef.name", "more")
			},
		},
		"a longer shutdown": {
			values: []string{"syncer.shutdownTimeoutSeconds=90"},
			check: func(t *testing.T, all objects) {
				variables(t, all, syncer, map[string]string{"SHUTDOWN_TIMEOUT": "90s"})
				equal(t, all, syncer, "spec.template.spec.terminationGracePeriodSeconds", 100)
			},
		},
		"runbooks on a web server": {
			values: []string{"monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.runbooks=https://git.example.org/odasync/"},
			check: func(t *testing.T, all objects) {
				equal(t, all, "PrometheusRule odasync-alerts", "spec.groups.0.rules.0.annotations.runbook_url",
					"https://git.example.org/odasync/docs/runbooks/alerts-watcher.md#odasyncnoleader")
			},
		},
		"observed": {
			values: []string{"monitoring.serviceMonitor.enabled=true", "monitoring.prometheusRule.enabled=true", "monitoring.dashboards.enabled=true"},
			has:    []string{"ServiceMonitor odasync-watcher", "ServiceMonitor odasync-syncer", "PrometheusRule odasync-alerts"},
			check: func(t *testing.T, all objects) {
				for _, id := range []string{"ServiceMonitor odasync-watcher", "ServiceMonitor odasync-syncer", "PrometheusRule odasync-alerts"} {
					equal(t, all, id, "metadata.labels.release", "observability")
				}
				// The monitor selects the labels of the Service.
				wanted := all.field(t, "ServiceMonitor odasync-syncer", "spec.selector.matchLabels").(map[string]any)
				labels := all.find(t, "Service odasync-syncer-metrics").GetLabels()
				for label, value := range wanted {
					if labels[label] != value {
						t.Errorf("the monitor selects %s=%s, the Service has %q", label, value, labels[label])
					}
				}
				equal(t, all, "Service odasync-syncer-metrics", "spec.ports.0.name", all.field(t, "ServiceMonitor odasync-syncer", "spec.endpoints.0.port"))
			},
		},
		"a registry by HTTPS": {
			values: []string{"registry.url=https://registry.example"},
			check: func(t *testing.T, all objects) {
				equal(t, all, "NetworkPolicy odasync-syncer", "spec.egress.2.ports.0.port", 443)
			},
		},
		"narrow policies": {
			values: []string{"networkPolicy.apiServer.cidrs={10.0.0.1/32}", "networkPolicy.registry.ports={8443}",
				"networkPolicy.registry.to[0].podSelector.matchLabels.app=registry", "networkPolicy.extraEgress[0].ports[0].port=4318",
				"networkPolicy.monitoringFrom[0].namespaceSelector.matchLabels.name=monitoring",
				"networkPolicy.dns.to[0].namespaceSelector.matchLabels.name=kube-system", "networkPolicy.dns.ports={5353}"},
			check: func(t *testing.T, all objects) {
				equal(t, all, "NetworkPolicy odasync-watcher", "spec.egress.2.to.0.ipBlock.cidr", "10.0.0.1/32")
				equal(t, all, "NetworkPolicy odasync-watcher", "spec.egress.3.ports.0.port", 4318)
				equal(t, all, "NetworkPolicy odasync-syncer", "spec.egress.2.ports.0.port", 8443)
				equal(t, all, "NetworkPolicy odasync-syncer", "spec.egress.2.to.0.podSelector.matchLabels.app", "registry")
				for _, process := range []string{"watcher", "syncer"} {
					equal(t, all, "NetworkPolicy odasync-"+process, "spec.ingress.0.from.0.namespaceSelector.matchLabels.name", "monitoring")
					equal(t, all, "NetworkPolicy odasync-"+process, "spec.egress.0.ports.1.port", 5353)
					equal(t, all, "NetworkPolicy odasync-"+process, "spec.egress.0.to.0.namespaceSelector.matchLabels.name", "kube-system")
				}
			},
		},
		"no policies": {
			values: []string{"networkPolicy.enabled=false"},
			not:    []string{"NetworkPolicy odasync-default-deny", "NetworkPolicy odasync-watcher", "NetworkPolicy odasync-syncer", "NetworkPolicy odasync-nats"},
		},
		"a second registry on the same stream": {
			values: []string{"watcher.enabled=false", "nats.url=nats://odasync-nats.canvas.svc:4222", "target=partner", "fullnameOverride=partner"},
			has:    []string{"Deployment partner-syncer"},
			not:    []string{"Deployment partner-watcher", "ServiceAccount partner-watcher", "Role components/partner-watcher", "StatefulSet partner-nats"},
		},
		"placed": {
			values: []string{"watcher.nodeSelector.pool=canvas", "watcher.tolerations[0].key=canvas", "watcher.tolerations[0].operator=Exists",
				"watcher.priorityClassName=system-cluster-critical", "watcher.podAnnotations.note=yes", "watcher.podLabels.team=oda",
				"watcher.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=pool",
				"watcher.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=Exists"},
			check: func(t *testing.T, all objects) {
				equal(t, all, watcher, "spec.template.spec.nodeSelector.pool", "canvas")
				equal(t, all, watcher, "spec.template.spec.tolerations.0.key", "canvas")
				equal(t, all, watcher, "spec.template.spec.priorityClassName", "system-cluster-critical")
				equal(t, all, watcher, "spec.template.metadata.annotations.note", "yes")
				equal(t, all, watcher, "spec.template.metadata.labels.team", "oda")
				equal(t, all, syncer, "spec.template.metadata.labels.team", nil)
			},
		},
		"the image of a test build": {
			values: []string{"image=oda/odasync", "version=1.2.3", "prereleaseSuffix=issue42", "global.image.registry=registry.example/", "global.imagePullSecrets={pull}"},
			check: func(t *testing.T, all objects) {
				equal(t, all, syncer, "spec.template.spec.containers.0.image", "registry.example/oda/odasync:1.2.3-issue42")
				equal(t, all, syncer, "spec.template.spec.containers.0.imagePullPolicy", "Always")
				equal(t, all, nats, "spec.template.spec.containers.0.image", "registry.example/nats:2.15.2")
				for _, id := range workloads {
					equal(t, all, id, "spec.template.spec.imagePullSecrets.0.name", "pull")
				}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := render(t, chart(), set(test.values...)...)
			ids := all.ids()
			for _, id := range test.has {
				if !slices.Contains(ids, id) {
					t.Errorf("no %s is rendered", id)
				}
			}
			for _, id := range test.not {
				if slices.Contains(ids, id) {
					t.Errorf("%s is rendered", id)
				}
			}
			if test.check != nil {
				test.check(t, all)
			}
			accepted(t, all)
		})
	}
}
