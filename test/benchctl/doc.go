// Command benchctl measures how long ctl's commands take with thousands of components: the whole process, from its start to its end.
// Watcher, syncer, NATS and registry are those of `ctl run`, on a folder of manifests, and idle while a command is measured.
//
// `make bench-ctl` runs it with the built programs. It prints the figures and has no limit on them.
package main
