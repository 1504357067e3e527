package e2e

import (
	"os"
	"testing"

	"odasync/test/cluster"
	"odasync/test/testenv"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &shared)) }
