// Command demo shows the whole pipeline on real servers: a Kubernetes API server, NATS JetStream, a reference Component
// Registry, a watcher and a syncer, each a process of its own. The samples of deploy/samples are applied one by one and
// appear in the registry; one is changed and one deleted. Then everything stays up to be looked at until Ctrl-C, which
// ends what the demo started and removes its files.
//
// With DEMO_EXIT=1 it ends by itself, with exit code 1 if anything did not arrive. It needs the built programs:
// `make demo` builds them.
package main
