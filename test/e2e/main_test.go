package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // of deprecated versions, which the tests write on purpose
	bin, err := procs.BinDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	for _, program := range []string{"watcher", "syncer", "ctl", "nats-server", "devcluster/devcluster"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			fmt.Fprintf(os.Stderr, "e2e: %v: run `make build servers` first\n", err)
			return 1
		}
	}
	if os.Getenv("DEVCLUSTER_BIN") == "" {
		os.Setenv("DEVCLUSTER_BIN", filepath.Join(bin, "devcluster"))
	}
	if shared, err = cluster.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			code = 1
		}
	}()
	return m.Run()
}
