package security

import (
	"os"
	"testing"

	"odasync/test/cluster"
	"odasync/test/lab"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &shared)) }
