# odasync: `make` lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Without the v of the tag, as in the names of images and in the chart.
VERSION ?= $(patsubst v%,%,$(shell git describe --tags --always --dirty 2>/dev/null || echo dev))
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X odasync/internal/ops.version=$(VERSION) -X odasync/internal/ops.commit=$(COMMIT)
# The programs depend on source, Go version and LDFLAGS alone, not on folder, clone or machine. The Dockerfile has them too.
# Without grpcnotrace a debug page of gRPC, which is never served, keeps 12 MB of unused code in each program.
REPRODUCIBLE := -trimpath -buildvcs=false -tags=grpcnotrace

# Tools, at fixed versions. $(call tool,URL) is the stamp of one in bin/tools: another version is installed anew.
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
HELM        := helm.sh/helm/v3/cmd/helm@v3.22.0
KUBECONFORM := github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
PROMTOOL    := github.com/prometheus/prometheus/cmd/promtool@v0.316.0
CYCLONEDX   := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
CRANE       := github.com/google/go-containerregistry/cmd/crane@v0.22.1
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
# The Kubernetes version that helm renders for without a cluster, as in helm's own releases.
HELM_KUBERNETES := -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37

tool = bin/tools/.$(notdir $(1))
bin/tools/.%:
	GOBIN=$(CURDIR)/bin/tools go install -ldflags '$(HELM_KUBERNETES)' $(filter %/$*,$(GOLANGCI) $(HELM) $(KUBECONFORM) $(PROMTOOL) $(CYCLONEDX) $(CRANE) $(GOVULNCHECK))
	touch $@

# $(call system,NAMES,CONDITION,PACKAGES) installs what the condition misses from the distribution's packages. RUNLEVEL keeps
# packages from starting services.
define system
	@{ $(2); } >/dev/null || { \
		if [ -z "$${NO_INSTALL:-}" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo 'installing $(1) with apt-get'; \
			apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(3) >/dev/null; \
		else echo 'install $(1) first (Debian and Ubuntu: apt-get install $(3))'; exit 1; fi; }
endef
HAS_CHROMIUM   := command -v chromium chromium-browser google-chrome
HAS_PROMETHEUS := command -v prometheus

# Where tests and demo find what is built here.
export DEVCLUSTER_BIN := $(CURDIR)/bin/devcluster
export ODASYNC_BIN    := $(CURDIR)/bin
# Static everywhere but under the race detector, and so one build cache for programs, vet and tools.
export CGO_ENABLED    := 0

##@ Use
.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The folder that build writes to.
PROGRAMS ?= bin

.PHONY: build
build: ## static bin/watcher, bin/syncer and bin/ctl
	go build $(REPRODUCIBLE) -ldflags '$(LDFLAGS)' -o '$(PROGRAMS)/' ./cmd/...

.PHONY: demo
demo: build servers ## the whole pipeline on real servers (DEMO_EXIT=1: end by itself)
	@go build -o bin/demo ./test/demo && exec bin/demo

.PHONY: try
try: build ## watcher, syncer, NATS and a registry in one process, on the files in deploy/samples
	@mkdir -p bin/try
	KUBERNETES_NAMESPACE=all bin/ctl run --manifests deploy/samples --data-dir bin/try

##@ Check
.PHONY: test
test: announce build servers browser prometheus $(foreach t,$(HELM) $(CRANE) $(CYCLONEDX) $(GOVULNCHECK),$(call tool,$(t))) ## all tests, with the race detector (NO_INSTALL=1: install nothing)
	CGO_ENABLED=1 go test -race -timeout 20m ./...
	cd test/devcluster && go test -timeout 10m ./...

.PHONY: unit
unit: ## the tests of the packages alone: nothing is built or installed for them
	go test ./cmd/... ./internal/...

.PHONY: announce
announce: # what `make test` is about to install
	@missing=; { $(HAS_CHROMIUM); } >/dev/null || missing+=' Chromium (test/page, test/observability)'; \
	{ $(HAS_PROMETHEUS); } >/dev/null || missing+=' Prometheus (test/observability)'; \
	if [ -n "$$missing" ] && [ -z "$${NO_INSTALL:-}" ]; then \
		echo "make test installs with apt-get:$$missing."; \
		echo 'Stop it now, install them yourself, or run `make unit`, which needs neither. NO_INSTALL=1 makes a missing program an error.'; fi

.PHONY: browser
browser: # for test/page and the pictures of dashboards
	$(call system,Chromium,$(HAS_CHROMIUM),chromium)

.PHONY: prometheus
prometheus: # for the queries of dashboards and alerts
	$(call system,Prometheus,$(HAS_PROMETHEUS),prometheus)

.PHONY: observability
observability: build servers browser prometheus ## every query of dashboards and alerts against Prometheus, for DURATION (2m); pictures
	OBSERVABILITY_DURATION=$${DURATION:-2m} go test -count=1 -v ./test/observability -screenshots docs/images

.PHONY: lint
lint: $(call tool,$(GOLANGCI)) ## golangci-lint (.golangci.yml), vet of test/devcluster, licenses
	bin/tools/golangci-lint run ./...
	cd test/devcluster && go vet ./...
	deploy/licenses.sh check

.PHONY: vulncheck
vulncheck: $(call tool,$(GOVULNCHECK)) ## known vulnerabilities in the programs; skipped without access to vuln.go.dev
	deploy/vulncheck.sh

.PHONY: soak
soak: build servers ## break everything for DURATION (10m) under load, from SEED, and the registry for OUTAGE (5m)
	FAULTS_DURATION=$${DURATION:-10m} FAULTS_SEED=$${SEED:-} FAULTS_OUTAGE=$${OUTAGE:-5m} \
		go test -count=1 -v -timeout 24h ./test/faults

.PHONY: benchmarks
benchmarks: ## Go benchmarks in the format of benchstat (COUNT: 10, BENCH: a pattern)
	@go test -run '^$$' -bench "$${BENCH:-.}" -benchmem -count $${COUNT:-10} ./internal/...

.PHONY: scale
scale: build servers ## memory and idle cost of watcher and syncer at COMPONENTS (20000) Components
	go run ./test/scale -components $${COMPONENTS:-20000}

.PHONY: bench
bench: build bin/nats-server ## a syncer's speed against a plain client (ROUNDS, COMPONENTS; AGED=1; BASELINE: programs of another version)
	go run ./test/bench -rounds $${ROUNDS:-3} -components $${COMPONENTS:-8000} -baseline "$${BASELINE:-}" $${AGED:+-aged}

.PHONY: bench-ctl
bench-ctl: build bin/nats-server ## how long ctl's commands take with COMPONENTS (2000) components (ROUNDS: 10)
	go run ./test/benchctl -rounds $${ROUNDS:-10} -components $${COMPONENTS:-2000}

##@ Generate
.PHONY: generate
generate: manifests dashboards licenses ## write everything that is generated: reference docs, manifests, dashboards, licenses
	go test -count=1 -run TestGenerated ./internal/cli ./internal/daemon ./test/alerts ./test/deploy -update

##@ Ship
IMAGE     ?= odasync
PLATFORMS ?= linux/amd64,linux/arm64
ARCHIVE   ?= dist/odasync-image-$(VERSION).tar
CREATED   := $(shell git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z)

image-arguments = --build-arg VERSION='$(VERSION)' --build-arg COMMIT='$(COMMIT)' --build-arg CREATED='$(CREATED)' \
	$(if $(GO_IMAGE),--build-arg GO_IMAGE='$(GO_IMAGE)') $(if $(BASE_IMAGE),--build-arg BASE_IMAGE='$(BASE_IMAGE)') \
	--tag '$(IMAGE):$(VERSION)'

.PHONY: image
image: ## the container image IMAGE:VERSION (GO_IMAGE, BASE_IMAGE: other bases)
	docker build $(image-arguments) .

.PHONY: images
images: ## the image for all PLATFORMS with docker buildx, in ARCHIVE; PUSH=1: in the registry of IMAGE instead
	@docker buildx version >/dev/null || { echo 'an image for several platforms needs Docker with buildx: see CONTRIBUTING.md' >&2; exit 1; }
	$(if $(PUSH),,@mkdir -p '$(dir $(ARCHIVE))')
	docker buildx build --platform '$(PLATFORMS)' $(image-arguments) $(if $(PUSH),--push,--output 'type=oci,dest=$(ARCHIVE)') .

.PHONY: base-images
base-images: $(call tool,$(CRANE)) ## write the present digests of the base images into Dockerfile and docker-compose.yaml
	deploy/base-images.sh refresh

.PHONY: release
release: $(foreach t,$(HELM) $(CYCLONEDX) $(CRANE),$(call tool,$(t))) ## release VERSION into dist/, without the upload (DRY_RUN=1: no commit and tag)
	deploy/release.sh '$(if $(filter file,$(origin VERSION)),,$(VERSION))' $(if $(DRY_RUN),--dry-run)

.PHONY: compose-test
compose-test: build servers docker ## docker-compose.yaml, really run
	VERSION='$(VERSION)' COMMIT='$(COMMIT)' go run ./test/compose

.PHONY: docker
docker: # a daemon, Compose, and a busybox for the images that compose-test makes
	$(call system,Docker with Compose plus iptables and busybox,command -v dockerd docker-compose iptables && test -x /bin/busybox,docker.io docker-compose iptables busybox-static)

.PHONY: sbom
sbom: build $(call tool,$(CYCLONEDX)) ## a CycloneDX bill of materials of each program, in bin/sbom
	@mkdir -p bin/sbom
	for program in watcher syncer ctl; do \
		bin/tools/cyclonedx-gomod bin -json -licenses -std -version '$(VERSION)' -output bin/sbom/$$program.cdx.json bin/$$program; done

.PHONY: licenses
licenses: ## docs/licenses.md and docs/third-party-notices.txt
	@mkdir -p bin
	deploy/licenses.sh >bin/licenses.md && mv bin/licenses.md docs/licenses.md
	deploy/licenses.sh notices >bin/notices.txt && mv bin/notices.txt docs/third-party-notices.txt

.PHONY: reproducible
reproducible: build ## build again, in another folder with an empty cache, and compare
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
		cp -r go.mod go.sum cmd internal "$$scratch" && cd "$$scratch" && \
		GOCACHE=$$scratch/cache go build $(REPRODUCIBLE) -ldflags '$(LDFLAGS)' -o again/ ./cmd/... && \
		sha256sum again/* && cd '$(CURDIR)' && \
		for program in again/watcher again/syncer again/ctl; do cmp "$$scratch/$$program" "bin/$${program#again/}"; done && \
		echo 'the same bytes both times'

##@ Deploy
.PHONY: manifests
manifests: $(call tool,$(HELM)) ## render the chart into deploy/manifests and deploy/rbac*.yaml
	deploy/render.sh deploy

.PHONY: dashboards
dashboards: ## write the Grafana dashboards of the chart
	go run ./test/dashboards deploy/chart/files/dashboards

.PHONY: lint-deploy
lint-deploy: servers $(foreach t,$(HELM) $(KUBECONFORM) $(PROMTOOL),$(call tool,$(t))) ## helm lint, kubeconform, promtool; rendered files current
	deploy/lint.sh

##@ Parts
.PHONY: servers
servers: devcluster bin/nats-server ## the servers that demo and tests run against

.PHONY: devcluster
devcluster: ## etcd and kube-apiserver from their modules (the first build takes minutes)
	@test/devcluster/build.sh bin/devcluster

bin/nats-server: go.mod
	go build -o $@ github.com/nats-io/nats-server/v2

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
