// Command scale measures what a watcher and a syncer need for a large cluster: it fills a local API server with Components
// of three APIs and ten labels, starts both processes beside a real NATS server and a reference registry in memory, and
// prints for the first sync, for a restart and for idle cycles the peak and the last resident memory of both, their CPU,
// and the requests of a reconcile. It exits with 1 when the memory of one is above the limit.
//
// `make scale` runs it with 20,000 Components; COMPONENTS=100000 takes about 3.5 GB for the API server. Memory and CPU are
// read from /proc, so it needs Linux.
package main
