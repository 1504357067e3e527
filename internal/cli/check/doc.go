// Package check checks the connections and the configuration of an installation, for `ctl test`: the servers and the permissions on
// them, the stream, the registry's API, and what processes have recorded. It changes nothing.
package check
