# One image with the three programs: watcher, syncer and ctl. It needs no shell, no root and no writable root filesystem.
#
#   docker build --build-arg VERSION=1.2.3 --build-arg COMMIT=abc1234 -t odasync:1.2.3 .
#
# GO_IMAGE has Go and a shell, BASE_IMAGE the certificates of public authorities. Set mirrors of both with --build-arg.
# Their versions are pinned, so that a later build uses the images that were tested; a release has their digests, too
# (make base-images).
ARG GO_IMAGE=golang:1.26.8-alpine
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# BuildKit sets the build platform and the target platform, and the compiler cross-compiles without emulation. The classic
# builder sets neither and builds for its own platform.
FROM --platform=${BUILDPLATFORM:-linux} ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG COMMIT=unknown
# The same flags as in the Makefile: both builds give the same bytes, which test/compose checks.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false -tags=grpcnotrace \
    -ldflags "-s -w -X odasync/internal/ops.version=${VERSION} -X odasync/internal/ops.commit=${COMMIT}" \
    -o /out/ ./cmd/... && mkdir /data

FROM ${BASE_IMAGE}
ARG BASE_IMAGE
ARG VERSION=dev
ARG COMMIT=unknown
# Time of the commit, RFC 3339, so that two builds of it are equal.
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="odasync" \
      org.opencontainers.image.description="Keeps a TM Forum ODA Component Registry equal to the Components of a Kubernetes cluster" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
COPY --from=build /out/ /usr/local/bin/
# The licences of everything that the programs contain.
COPY docs/third-party-notices.txt /usr/share/doc/odasync/third-party-notices.txt
# For ctl run --data-dir /data. A new volume that is mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /data /data
# Set here, so that it does not depend on the base image.
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
WORKDIR /data
# The image has no default program: the command is watcher, syncer or ctl.
CMD ["ctl", "--help"]
