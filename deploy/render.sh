#!/usr/bin/env bash
# Renders the chart into the given folder: manifests/ with one file for each template; the watcher's rights as rbac.yaml for a
# named namespace and as rbac-cluster.yaml for globs and "all"; nats/accounts.conf for your own NATS servers. HELM is the helm
# to use.
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
