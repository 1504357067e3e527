#!/usr/bin/env bash
# Checks the chart, and that what is rendered from it is current and valid. Nothing is read from the network: the schemas
# are those of the API server of test/devcluster. `make lint-deploy` brings the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=bin/tools
export DEVCLUSTER_BIN=${DEVCLUSTER_BIN:-$PWD/bin/devcluster}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

HELM=$PWD/$tools/helm deploy/render.sh "$temporary"
for rendered in manifests rbac.yaml rbac-cluster.yaml nats/accounts.conf; do
  diff -ru "deploy/$rendered" "$temporary/$rendered" ||
    { echo "deploy/$rendered is not what the chart makes: run make manifests" >&2; exit 1; }
done

# Everything that can be switched on.
everything=(--set nats.replicas=3 --set syncer.autoscaling.type=keda --set monitoring.serviceMonitor.enabled=true
  --set monitoring.prometheusRule.enabled=true --set monitoring.dashboards.enabled=true --set 'namespaces={all}'
  --set registry.apiKey.secret=key --set nats.auth.secret=passwords --set nats.tls.caSecret=ca
  --set nats.tls.serverSecret=nats-tls --set nats.tls.verifyClients=true)
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

# What docs/observability.md tells Prometheus to scrape.
awk -v to="$temporary/scrape" '/^```yaml/ { count++; file = to count ".yaml"; next } /^```/ { file = "" } file { print > file }' docs/observability.md
cp deploy/chart/files/alerts.yaml "$temporary/alerts.yaml"
"$tools/promtool" check config "$temporary"/scrape*.yaml
