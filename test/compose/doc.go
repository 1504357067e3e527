// Command compose runs docker-compose.yaml for real and checks what the installation page promises of it: `make
// compose-test`.
//
// It builds the image with the Dockerfile, brings the services up, changes a folder of Components while services are
// restarted, killed, scaled and taken down, and compares the registry each time. It uses the Docker daemon that
// answers; where none does it starts one of its own, in bin/docker, and ends it. Nothing is pulled: a base image that
// the daemon does not have is replaced by a stand-in of the same name, made from the Go toolchain, busybox and the
// NATS server of this machine. What it created is gone afterwards, but for the data of its own daemon, which make the
// next run faster.
package main
