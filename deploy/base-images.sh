#!/usr/bin/env bash
# The images that odasync's image and docker-compose.yaml build on: the tags are chosen by hand, the digests come from the
# registries of the images.
#
#   deploy/base-images.sh list       prints a line FILE IMAGE for each
#   deploy/base-images.sh refresh    writes the present digest of each tag behind it; needs the registries
#   deploy/base-images.sh check      fails if an image has no digest; needs no network
#
# CRANE is the crane to use; make base-images installs it.
set -euo pipefail
cd "$(dirname "$0")/.."

list() {
  sed -nE 's/^ARG [A-Z]+_IMAGE=([^[:space:]]+)$/Dockerfile \1/p' Dockerfile
  sed -nE 's/^ +image: ([^$[:space:]]+)$/docker-compose.yaml \1/p' docker-compose.yaml
}

check() {
  local unpinned
  unpinned=$(list | grep -Ev '@sha256:[0-9a-f]{64}$') || return 0
  echo "images without a digest: run make base-images where their registries can be reached"
  echo "$unpinned"
  return 1
} >&2

# All digests are read before anything is written. That of an image for several platforms covers all of them.
refresh() {
  local file image tag digest found=()
  while read -r file image; do
    tag=${image%@*}
    digest=$("${CRANE:-bin/tools/crane}" digest "$tag") || { echo "no digest of $tag: nothing is changed" >&2; return 1; }
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "the registry's digest of $tag is '$digest': nothing is changed" >&2; return 1; }
    found+=("$file $image $tag@$digest")
  done < <(list)
  for line in "${found[@]}"; do
    read -r file image tag <<<"$line"
    [ "$image" = "$tag" ] || echo "$file: $image -> $tag"
    sed -i -E "s#^(ARG [A-Z]+_IMAGE=| +image: )${image//./\\.}\$#\1$tag#" "$file"
  done
}

case "${1:-}" in
  list | refresh | check) "$1" ;;
  *) echo 'usage: base-images.sh list|refresh|check' >&2; exit 2 ;;
esac
