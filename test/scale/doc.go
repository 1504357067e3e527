// Command scale measures the resources of a watcher and a syncer for a large cluster. It fills a local API server with Components
// of three APIs and ten labels, starts both processes with a real NATS server and a reference registry, and prints their peak and
// final resident memory, their CPU, and the requests of a reconcile for the first sync, a restart and idle cycles. It exits with 1
// when the memory of one exceeds the limit.
//
// `make scale` runs it with 20,000 Components; COMPONENTS=100000 takes about 3.5 GB for the API server. Memory and CPU are
// read from /proc, so it needs Linux.
package main
