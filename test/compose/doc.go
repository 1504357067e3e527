// Command compose runs docker-compose.yaml and checks what docs/install-compose.md promises: `make compose-test`.
//
// It builds the image with the Dockerfile, starts the services, changes a folder of Components while services are
// restarted, killed, scaled and removed, and compares the registry each time. It uses the running Docker daemon; without
// one it starts its own in bin/docker and stops it at the end. It pulls nothing: a base image that the daemon does not have
// is replaced by a substitute of the same name, made from the Go toolchain, busybox and the NATS server of this machine.
// The test removes what it created, except for the data of its own daemon, which makes the next run faster.
package main
