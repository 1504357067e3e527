package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// Main runs a package's tests with one shared API server, on which each test uses namespaces of its own. It returns the exit
// code.
func Main(m *testing.M, shared **cluster.Cluster) (code int) {
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // of deprecated versions, which the tests write on purpose
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "test environment:", err)
		return 1
	}
	bin, err := procs.BinDir()
	if err != nil {
		return fail(err)
	}
	for _, program := range []string{"watcher", "syncer", "ctl", "nats-server", "devcluster/devcluster"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return fail(fmt.Errorf("%w: run `make build servers` first", err))
		}
	}
	if os.Getenv("DEVCLUSTER_BIN") == "" {
		if err := os.Setenv("DEVCLUSTER_BIN", filepath.Join(bin, "devcluster")); err != nil {
			return fail(err)
		}
	}
	if *shared, err = cluster.Run(); err != nil {
		return fail(err)
	}
	defer func() {
		if err := (*shared).Stop(); err != nil {
			code = fail(err)
		}
	}()
	return m.Run()
}
