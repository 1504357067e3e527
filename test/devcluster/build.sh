#!/bin/sh
# Builds etcd, kube-apiserver and devcluster into the folder given. The first
# build compiles all of Kubernetes' API server and takes minutes; a program
# whose inputs have not changed is not built again.
set -eu

if [ $# -ne 1 ]; then
	echo "usage: build.sh OUTDIR" >&2
	exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"

# Other flags would compile every package again.
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOWORK=off

# The version that the API server reports is the one of its module.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)

build_pid=
temporary=
stop() {
	# A background command of a script does not get the Ctrl-C itself.
	[ -z "$build_pid" ] || kill "$build_pid" 2>/dev/null || :
	[ -z "$temporary" ] || rm -f "$temporary"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# build PROGRAM TIME LDFLAGS INPUT...: TIME says how long a first build takes.
build() {
	program=$1 usual=$2 ldflags=$3
	shift 3
	stamp=$out/.$program.stamp
	inputs=$(
		go version
		echo "$ldflags"
		# Sorted by name, so that the order of the file system does not count.
		find go.mod go.sum "$@" -type f ! -name '*_test.go' | LC_ALL=C sort | while read -r file; do
			echo "$file $(cksum <"$file")"
		done
	)
	if [ -x "$out/$program" ] && [ -f "$stamp" ] && [ "$inputs" = "$(cat "$stamp")" ]; then
		echo "$program is up to date" >&2
		return
	fi

	echo "building $program (the first time this takes about $usual on two cores)" >&2
	temporary=$out/.$program.$$
	seconds=0
	go build -ldflags "$ldflags" -o "$temporary" "./cmd/$program" &
	build_pid=$!
	while kill -0 "$build_pid" 2>/dev/null; do
		sleep 1
		seconds=$((seconds + 1))
		[ $((seconds % 15)) -ne 0 ] || echo "building $program: $seconds s" >&2
	done
	wait "$build_pid"
	build_pid=
	# A running program is replaced, not overwritten.
	mv -f "$temporary" "$out/$program"
	temporary=
	echo "$inputs" >"$stamp"
	echo "built $program in $seconds s" >&2
}

build etcd "40 seconds" "-s -w" cmd/etcd
build kube-apiserver "5 minutes" "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" cmd/kube-apiserver
build devcluster "10 seconds" "-s -w" cmd/devcluster crd internal
