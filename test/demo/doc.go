// Command demo runs the whole pipeline on real servers: a Kubernetes API server, NATS JetStream, a reference Component
// Registry, a watcher and a syncer, each a process of its own. It applies the samples of deploy/samples one by one, changes
// one, deletes one, and prints how long each change took to reach the registry. Then it restarts the registry, which is in
// memory, and waits until the syncer has filled it again. Everything stays up until Ctrl-C, which stops the processes that
// the demo started and removes their files.
//
// With DEMO_EXIT=1 the demo ends by itself, with exit code 1 if a change did not arrive. It needs the built programs:
// `make demo` builds them.
package main
