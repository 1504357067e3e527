// Command syncer applies the Component events of a NATS JetStream stream to a Component Registry.
package main

import (
	"os"

	"odasync/internal/daemon"
)

func main() {
	os.Exit(daemon.Program("syncer", "applies the Component events of a NATS JetStream stream to a Component Registry", daemon.RunSyncer))
}
