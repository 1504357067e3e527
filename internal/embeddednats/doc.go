// Package embeddednats runs a NATS server with JetStream in the process, for `ctl run`. It listens on loopback, where other tools
// can use it, and keeps its data in a folder, which one process at a time can use.
package embeddednats
