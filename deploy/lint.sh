#!/usr/bin/env bash
# Checks the chart, and that the rendered files are current and valid. The schemas are those of the API server of
# test/devcluster, so nothing is read from the network. `make lint-deploy` installs the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=bin/tools
export DEVCLUSTER_BIN=${DEVCLUSTER_BIN:-$PWD/bin/devcluster}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

HELM=$PWD/$tools/helm deploy/render.sh "$temporary"
for rendered in manifests rbac.yaml rbac-cluster.yaml nats/accounts.conf; do
  diff -ru "deploy/$rendered" "$temporary/$rendered" ||
    { echo "deploy/$rendered is not what the chart renders: run make manifests" >&2; exit 1; }
done

# All optional features.
everything=(--set nats.replicas=3 --set syncer.autoscaling.type=keda --set monitoring.serviceMonitor.enabled=true
  --set monitoring.prometheusRule.enabled=true --set monitoring.dashboards.enabled=true --set 'namespaces={all}'
  --set registry.apiKey.secret=key --set nats.auth.secret=passwords --set nats.tls.caSecret=ca
  --set nats.tls.serverSecret=nats-tls --set nats.tls.verifyClients=true --set nats.exporter.enabled=true
  --set nats.reloader.enabled=true --set monitoring.tlsSecret=monitoring-tls --set toolbox.enabled=true)
"$tools/helm" lint --strict --quiet deploy/chart
"$tools/helm" lint --strict --quiet deploy/chart --values deploy/manifests-values.yaml "${everything[@]}"
for scaling in hpa keda; do
  "$tools/helm" template odasync deploy/chart --namespace canvas --values deploy/manifests-values.yaml \
    "${everything[@]}" --set "syncer.autoscaling.type=$scaling" >"$temporary/$scaling.yaml"
done

go run ./test/deploy/schemas "$temporary/schemas"
"$tools/kubeconform" -strict -summary -schema-location "$temporary/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" \
  deploy/manifests deploy/rbac.yaml deploy/rbac-cluster.yaml "$temporary/hpa.yaml" "$temporary/keda.yaml"

"$tools/promtool" check rules --lint=all --lint-fatal deploy/chart/files/alerts*.yaml
"$tools/promtool" test rules test/alerts/cases.yaml

# The scrape configurations in docs/observability.md.
awk -v to="$temporary/scrape" '/^```yaml/ { count++; file = to count ".yaml"; next } /^```/ { file = "" } file { print > file }' docs/observability.md
cp deploy/chart/files/alerts.yaml "$temporary/alerts.yaml"
"$tools/promtool" check config "$temporary"/scrape*.yaml
