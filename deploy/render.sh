#!/usr/bin/env bash
# Renders the chart into the folder given: manifests/ with one file for each template, and the watcher's rules alone,
# rbac.yaml for a named namespace and rbac-cluster.yaml for globs and "all"; nats/accounts.conf for NATS servers that are
# not the chart's. HELM is the helm to use.
set -euo pipefail
[ $# -eq 1 ] || { echo 'usage: render.sh FOLDER' >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

template() {
  "${HELM:-../bin/tools/helm}" template odasync chart --namespace canvas "$@"
}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

template --values manifests-values.yaml --output-dir "$temporary" >/dev/null
rm -rf "$out/manifests"
mv "$temporary/odasync/templates" "$out/manifests"
template --values manifests-values.yaml --show-only templates/rbac.yaml >"$out/rbac.yaml"
template --values manifests-values.yaml --set 'namespaces={odacompns-*}' --show-only templates/rbac.yaml >"$out/rbac-cluster.yaml"
mkdir -p "$out/nats"
cp chart/files/nats-accounts.conf "$out/nats/accounts.conf"
