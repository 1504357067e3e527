// Command scale measures what a watcher needs for a large cluster: it fills a local API server with Components of 4 KB,
// starts a watcher, and prints the time of its first sync and its peak memory, then the same for a restart, which finds
// everything published. It exits with 1 when the memory is above the limit.
//
// `make scale` runs it with 100,000 Components, for which the API server takes about 3.5 GB of memory. The peak memory
// is read from /proc, so it needs Linux.
package main
