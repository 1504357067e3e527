// Command watcher publishes the Components of a Kubernetes cluster to a NATS JetStream stream.
package main

import (
	"os"

	"odasync/internal/daemon"
)

func main() {
	os.Exit(daemon.Program("watcher", "publishes the Components of a Kubernetes cluster to a NATS JetStream stream", daemon.RunWatcher))
}
