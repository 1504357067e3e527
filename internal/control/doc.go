// Package control sends requests to running watchers and syncers over NATS, serves them, and collects the status of every
// process. The services are NATS micro services, which `nats micro list` shows.
//
// # Guarantees
//
// A request is answered once: by the leader of its cluster, or by one replica of its target. It runs in the background, so
// that a long one does not delay others. Stopping a service ends the requests that are running and waits for them.
// [ErrNoWatcher] or [ErrNoSyncer] is returned where no process serves a request. Every process answers a request for its status.
//
// The tests run a real nats-server in the process.
package control
