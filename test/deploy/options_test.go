package deploy

import (
	"strings"
	"testing"
)

// TestValues_Options renders the chart with what an installation may need besides the defaults. The API server accepts every result
// without a warning.
func TestValues_Options(t *testing.T) {
	const watcher, syncer, nats = "Deployment odasync-watcher", "Deployment odasync-syncer", "StatefulSet odasync-nats"
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, test := range map[string]struct {
		values []string
		check  func(t *testing.T, all objects)
	}{
		"volumes": {
			[]string{"syncer.extraVolumes[0].name=tmp", "syncer.extraVolumes[0].emptyDir.medium=Memory", "syncer.extraVolumeMounts[0].name=tmp",
				"syncer.extraVolumeMounts[0].mountPath=/tmp", "registry.apiKey.secret=key", "nats.extraVolumes[0].name=tmp",
				"nats.extraVolumes[0].emptyDir.medium=Memory", "nats.extraVolumeMounts[0].name=tmp", "nats.extraVolumeMounts[0].mountPath=/tmp"},
			func(t *testing.T, all objects) {
				equal(t, all, syncer, "spec.template.spec.volumes.1.name", "tmp")
				equal(t, all, syncer, "spec.template.spec.containers.0.volumeMounts.1.mountPath", "/tmp")
				equal(t, all, watcher, "spec.template.spec.volumes", nil)
				contains(t, strings.Join(volumes(t, all, nats), " "), "tmp")
			},
		},
		"OpenShift": {
			[]string{"podSecurityContext.runAsUser=null", "podSecurityContext.runAsGroup=null", "podSecurityContext.fsGroup=null"},
			func(t *testing.T, all objects) {
				for _, id := range workloads {
					for _, field := range []string{"runAsUser", "runAsGroup", "fsGroup"} {
						equal(t, all, id, "spec.template.spec.securityContext."+field, nil)
					}
					equal(t, all, id, "spec.template.spec.securityContext.runAsNonRoot", true)
					equal(t, all, id, "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem", true)
				}
			},
		},
		"digests": {
			[]string{"imageDigest=" + digest, "nats.imageDigest=" + digest, "version=1.2.3"},
			func(t *testing.T, all objects) {
				equal(t, all, watcher, "spec.template.spec.containers.0.image", "odasync:1.2.3@"+digest)
				equal(t, all, nats, "spec.template.spec.containers.0.image", "nats:2.15.2@"+digest)
			},
		},
		"labels and annotations": {
			[]string{"commonLabels.team=oda", "commonLabels.app\\.kubernetes\\.io/name=other", "commonAnnotations.note=x", "syncer.annotations.reload=auto",
				"nats.annotations.reload=auto", "watcher.serviceAccount.annotations.role=arn", "syncer.podLabels.app\\.kubernetes\\.io/component=other",
				"monitoring.serviceMonitor.enabled=true", "monitoring.prometheusRule.enabled=true"},
			func(t *testing.T, all objects) {
				for _, object := range all {
					if object.GetLabels()["team"] != "oda" || object.GetAnnotations()["note"] != "x" || object.GetLabels()["app.kubernetes.io/name"] != "odasync" {
						t.Errorf("%s %s: labels %v, annotations %v", object.GetKind(), object.GetName(), object.GetLabels(), object.GetAnnotations())
					}
				}
				for _, id := range workloads {
					equal(t, all, id, "spec.template.metadata.labels.team", "oda")
				}
				equal(t, all, syncer, "metadata.annotations.reload", "auto")
				equal(t, all, nats, "metadata.annotations.reload", "auto")
				equal(t, all, syncer, "spec.template.metadata.annotations", nil)
				same(t, "the label that selects the Pods", all.pod(t, syncer).Labels["app.kubernetes.io/component"], "syncer")
				equal(t, all, "ServiceAccount odasync-watcher", "metadata.annotations.role", "arn")
			},
		},
		"strategies and budgets": {
			[]string{"watcher.strategy.type=Recreate", "syncer.strategy.rollingUpdate.maxUnavailable=1", "watcher.podDisruptionBudget.enabled=false",
				"nats.podDisruptionBudget.enabled=false", "nats.replicas=3"},
			func(t *testing.T, all objects) {
				equal(t, all, watcher, "spec.strategy.type", "Recreate")
				equal(t, all, syncer, "spec.strategy.rollingUpdate.maxUnavailable", 1)
				ids := strings.Join(all.ids(), "\n")
				contains(t, ids, "PodDisruptionBudget odasync-syncer")
				for _, process := range []string{"watcher", "nats"} {
					if strings.Contains(ids, "PodDisruptionBudget odasync-"+process) {
						t.Errorf("a PodDisruptionBudget for %s", process)
					}
				}
			},
		},
		"metrics over HTTPS": {
			[]string{"monitoring.tlsSecret=cert", "monitoring.serviceMonitor.enabled=true", "monitoring.serviceMonitor.tlsConfig.serverName=odasync"},
			func(t *testing.T, all objects) {
				for _, id := range []string{watcher, syncer} {
					variables(t, all, id, map[string]string{"MONITORING_TLS_CERT": "/etc/odasync/monitoring-tls/tls.crt", "MONITORING_TLS_KEY": "/etc/odasync/monitoring-tls/tls.key"})
					expectEnvironment(t, all, id, "cert tls.crt as /etc/odasync/monitoring-tls/tls.crt", "cert tls.key as /etc/odasync/monitoring-tls/tls.key")
					for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
						equal(t, all, id, "spec.template.spec.containers.0."+probe+".httpGet.scheme", "HTTPS")
					}
				}
				equal(t, all, "ServiceMonitor odasync-syncer", "spec.endpoints.0.scheme", "https")
				equal(t, all, "ServiceMonitor odasync-syncer", "spec.endpoints.0.tlsConfig.serverName", "odasync")
			},
		},
		"HTTPS of one process by its variables": {
			[]string{"syncer.env.MONITORING_TLS_CERT=/cert", "syncer.env.MONITORING_TLS_KEY=/key"},
			func(t *testing.T, all objects) {
				equal(t, all, syncer, "spec.template.spec.containers.0.readinessProbe.httpGet.scheme", "HTTPS")
				equal(t, all, watcher, "spec.template.spec.containers.0.readinessProbe.httpGet.scheme", nil)
			},
		},
		"settings, exporter and reloader of NATS": {
			[]string{"nats.config.max_payload=8388608", "nats.config.write_deadline=10s", "nats.config.debug=true", "nats.exporter.enabled=true",
				"nats.reloader.enabled=true", "nats.tls.serverSecret=cert", "monitoring.serviceMonitor.enabled=true", "monitoring.prometheusRule.enabled=true"},
			func(t *testing.T, all objects) {
				contains(t, all.configuration(t, "nats.conf"), "\nmax_payload: 8388608\n", "\nwrite_deadline: 10s\n", "\ndebug: true\n")
				equal(t, all, nats, "spec.template.spec.containers.1.image", "natsio/prometheus-nats-exporter:0.17.3")
				equal(t, all, nats, "spec.template.spec.containers.2.image", "natsio/nats-server-config-reloader:0.19.1")
				equal(t, all, nats, "spec.template.spec.shareProcessNamespace", true)
				equal(t, all, "ServiceMonitor odasync-nats", "spec.endpoints.0.port", "metrics")
				equal(t, all, "Service odasync-nats-headless", "spec.ports.2.name", "metrics")
				contains(t, strings.Join(alerts(t, all), " "), "OdasyncNATSStorage")
			},
		},
		"three servers of NATS": {
			[]string{"nats.replicas=3", "nats.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=rack",
				"nats.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchLabels.app=noisy"},
			func(t *testing.T, all objects) {
				const rule = "spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution."
				equal(t, all, nats, rule+"0.topologyKey", "rack")
				equal(t, all, nats, rule+"1.topologyKey", "kubernetes.io/hostname")
				same(t, "whom a server avoids", all.field(t, nats, rule+"1.labelSelector.matchLabels"), all.field(t, nats, "spec.selector.matchLabels"))
				equal(t, all, nats, "spec.template.spec.containers.0.lifecycle.preStop.exec.command.2", "ldm=/var/run/nats/nats.pid")
				same(t, "GOMEMLIMIT", all.env(t, nats)["GOMEMLIMIT"], "858993459") // 80 % of 1Gi
				equal(t, all, syncer, "spec.template.spec.affinity", nil)
			},
		},
		"a toolbox": {
			[]string{"toolbox.enabled=true", "nats.creds.secret=creds", "nats.tls.caSecret=ca", "nats.tls.ctlSecret=cert", "registry.apiKey.secret=key", "registry.tls.caSecret=registry-ca",
				"toolbox.env.COMPONENT_REGISTRY_TIMEOUT=5"},
			func(t *testing.T, all objects) {
				expectEnvironment(t, all, "Deployment odasync-toolbox", "creds ctl.creds as /etc/odasync/nats-creds/nats.creds", "ca ca.crt as /etc/odasync/nats-ca/ca.crt",
					"cert tls.crt as /etc/odasync/nats-tls/tls.crt", "cert tls.key as /etc/odasync/nats-tls/tls.key", "key api-key as /etc/odasync/registry/api-key",
					"registry-ca ca.crt as /etc/odasync/registry-ca/ca.crt")
				variables(t, all, "Deployment odasync-toolbox", map[string]string{"COMPONENT_REGISTRY_TIMEOUT": "5", "KUBERNETES_NAMESPACE": "components", "SYNC_TARGET": "default"})
				equal(t, all, "Deployment odasync-toolbox", "spec.template.spec.serviceAccountName", "odasync-watcher")
				equal(t, all, "Pod odasync-toolbox-test", "spec.containers.0.args.0", "test")
				equal(t, all, "Pod odasync-toolbox-test", "spec.restartPolicy", "Never")
			},
		},
		"a toolbox of a release without watchers": {
			[]string{"toolbox.enabled=true", "watcher.enabled=false"},
			func(t *testing.T, all objects) {
				equal(t, all, "Deployment odasync-toolbox", "spec.template.spec.automountServiceAccountToken", false)
				equal(t, all, "Deployment odasync-toolbox", "spec.template.spec.serviceAccountName", nil)
			},
		},
		"alerts of a release without syncers": {
			[]string{"monitoring.prometheusRule.enabled=true", "syncer.enabled=false"},
			func(t *testing.T, all objects) {
				names := strings.Join(alerts(t, all), " ")
				contains(t, names, "OdasyncNoLeader", "OdasyncNotReady")
				if strings.Contains(names, "OdasyncNoSyncer") || strings.Contains(names, "OdasyncRegistryAway") || strings.Contains(names, "OdasyncNATSStorage") {
					t.Errorf("alerts of what does not run: %s", names)
				}
			},
		},
		"alerts of a release without watchers": {
			[]string{"monitoring.prometheusRule.enabled=true", "watcher.enabled=false", "nats.url=nats://nats:4222"},
			func(t *testing.T, all objects) {
				names := strings.Join(alerts(t, all), " ")
				contains(t, names, "OdasyncNoSyncer", "OdasyncNotReady", "OdasyncRegistryAway")
				if strings.Contains(names, "OdasyncNoLeader") {
					t.Errorf("alerts of what does not run: %s", names)
				}
			},
		},
		"changed alerts": {
			[]string{"monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.alerts.OdasyncTwoLeaders.enabled=false",
				"monitoring.prometheusRule.alerts.OdasyncNoLeader.severity=warning", "monitoring.prometheusRule.alerts.OdasyncWatchSilent.threshold=600",
				"monitoring.prometheusRule.alerts.OdasyncWatchSilent.for=5m"},
			func(t *testing.T, all objects) {
				const id = "PrometheusRule odasync-alerts"
				equal(t, all, id, "spec.groups.0.rules.0.labels.severity", "warning")
				equal(t, all, id, "spec.groups.0.rules.1.alert", "OdasyncWatchSilent")
				equal(t, all, id, "spec.groups.0.rules.1.expr", "odasync_watch_age_seconds > 600 and odasync_leader == 1")
				equal(t, all, id, "spec.groups.0.rules.1.for", "5m")
			},
		},
		"names of other charts of the Canvas": {
			[]string{`monitoredNamespaces=components\, odacompns-*`, "loglevel=10", "oauth2.tokenSecretName=client"},
			func(t *testing.T, all objects) {
				variables(t, all, watcher, map[string]string{"KUBERNETES_NAMESPACE": "components,odacompns-*", "LOG_LEVEL": "DEBUG"})
				all.find(t, "ClusterRole odasync-watcher")
				expectEnvironment(t, all, syncer, "client token_url as /etc/odasync/registry-oauth2/token_url",
					"client client_id as /etc/odasync/registry-oauth2/client_id", "client client_secret as /etc/odasync/registry-oauth2/client_secret")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := render(t, chart(), set(test.values...)...)
			test.check(t, all)
			accepted(t, all)
		})
	}
}

// alerts are the names of the rendered alerts.
func alerts(t *testing.T, all objects) []string {
	t.Helper()
	var names []string
	for _, group := range all.field(t, "PrometheusRule odasync-alerts", "spec.groups").([]any) {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			names = append(names, rule.(map[string]any)["alert"].(string))
		}
	}
	return names
}

// volumes are the names of the volumes of a workload's Pods.
func volumes(t *testing.T, all objects, id string) []string {
	t.Helper()
	var names []string
	for _, volume := range all.pod(t, id).Spec.Volumes {
		names = append(names, volume.Name)
	}
	return names
}
