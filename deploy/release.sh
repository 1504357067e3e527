#!/usr/bin/env bash
# Makes a release: release.sh VERSION [--dry-run], such as 1.2.3. Everything but the upload happens on this machine.
#
# The release is committed, tagged and built in a clone. Only when all of it is in dist/ do the commit and the tag come here, so
# that a failure leaves nothing behind. --dry-run leaves them in the clone, and accepts images without a digest, which it
# then does not build. PLATFORMS are those of the programs and the image.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-} mode=${2:-} platforms=${PLATFORMS:-linux/amd64,linux/arm64}
fail() { echo "release: $1" >&2; exit 1; }
step() { echo "release: $1"; }

[[ $mode == '' || $mode == --dry-run ]] || { echo 'usage: release.sh VERSION [--dry-run]' >&2; exit 2; }
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo 'usage: release.sh VERSION [--dry-run], such as 1.2.3 or 1.2.3-rc.1' >&2; exit 2; }
[ -z "$(git status --porcelain)" ] || fail 'the working tree has changes: commit them first'
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || fail "the tag v$version exists: choose another version"
[ ! -e dist ] || fail 'dist/ has an earlier release: remove it first'
changes=$(awk '/^## / { inside = /^## Unreleased/; next } inside' CHANGELOG.md)
grep -q '^- ' <<<"$changes" || fail 'the unreleased section of CHANGELOG.md is empty'
images=yes
if ! unpinned=$(deploy/base-images.sh check 2>&1); then
  [ -n "$mode" ] || fail "$unpinned"
  step "a release would be refused: $unpinned"
  images=''
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
here=$PWD branch=$(git symbolic-ref --short HEAD)
git clone --quiet --shared --branch "$branch" . "$scratch/odasync"
cd "$scratch/odasync"
for key in user.name user.email; do git config "$key" "$(git -C "$here" config "$key")"; done
mkdir bin dist && ln -s "$here/bin/tools" bin/tools

step "version $version"
sed -i "s/^## Unreleased\$/## Unreleased\n\n## $version - $(date -u +%F)/" CHANGELOG.md
sed -i -E "s/^(version|appVersion): .*/\1: $version/" deploy/chart/Chart.yaml
make --silent manifests
git commit --quiet --all --message "release: version $version"
git tag --annotate "v$version" --message "odasync $version"

# Equal inputs give equal archives.
archive() { tar --sort=name --mtime="$(git log -1 --format=%cI)" --owner=0 --group=0 --numeric-owner -c "$@" | gzip -n; }
for platform in ${platforms//,/ }; do
  step "programs for $platform"
  GOOS=${platform%/*} GOARCH=${platform#*/} make --silent build PROGRAMS="$scratch/$platform" VERSION="$version"
  cp docs/third-party-notices.txt "$scratch/$platform"
  archive -C "$scratch/$platform" . >"dist/odasync-$version-${platform/\//-}.tar.gz"
done
step 'bills of materials'
make --silent sbom VERSION="$version"
for file in bin/sbom/*; do cp "$file" "dist/odasync-$version-${file##*/}"; done
step 'chart'
bin/tools/helm package deploy/chart --destination "$scratch" >/dev/null
mv "$scratch/odasync-$version.tgz" "dist/odasync-chart-$version.tgz"
if [ -n "$images" ]; then
  step "image for $platforms"
  make --silent images PLATFORMS="$platforms" VERSION="$version" ARCHIVE="dist/odasync-image-$version.tar"
else
  step 'image: skipped, since its base images have no digest'
fi
{ echo "# odasync $version"; echo "$changes"; } >"dist/odasync-$version.md"
(cd dist && sha256sum -- * >SHA256SUMS)
mv dist "$here/dist"
cd "$here"

if [ -n "$mode" ]; then
  step 'dry run: dist/ is complete apart from what was skipped; no commit, no tag'
  exit
fi
git pull --quiet --ff-only "$scratch/odasync" "$branch"
git fetch --quiet "$scratch/odasync" "refs/tags/v$version:refs/tags/v$version"
cat <<DONE
release: dist/ is complete, and v$version is committed and tagged here. To upload:
  git push origin $branch v$version
  mkdir image && tar -C image -xf dist/odasync-image-$version.tar && bin/tools/crane push --index image REGISTRY/odasync:$version
  bin/tools/helm push dist/odasync-chart-$version.tgz oci://REGISTRY/charts
and the files in dist/ to the page of the release, with dist/odasync-$version.md as its text.
DONE
