// Package contexts keeps the contexts of ctl: named sets of the environment variables that configure it, one of which may be
// selected. They are in one file, which only its owner can read, and which is replaced as a whole.
//
// The environment takes precedence over a context. An address comes with its credentials: where the environment names the NATS
// servers or the registry, what a context has about them is not used.
//
// A context has no secrets. It names the files that hold them.
package contexts
