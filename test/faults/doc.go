// Package faults runs the built programs against a real API server, real nats-server processes and the reference registry, and
// injects faults into each of them while a random workload changes the cluster. In the end the registry must be in sync with the
// cluster, and its history must be free of overlapping, stale and duplicate writes.
//
// TestSoak chooses its workload and its schedule of faults from one seed, which it prints with the schedule: the same seed
// repeats the choices, though not the timing. Each of the other tests checks one guarantee, and logs the time it took. They need
// `make build servers`; `make soak DURATION=10m SEED=n` runs the long soak.
//
//	FAULTS_SEED      seed of the soak test's random choices
//	FAULTS_DURATION  duration of the soak test's faults; by default each kind occurs once, for seconds
//	FAULTS_NODES     nats-servers of the soak test: 1 or 3, 3 by default
//	FAULTS_FREEZES   false leaves out frozen processes; then no write may overlap another or come late, not even for a moment
//	FAULTS_OUTAGE    duration of the outage of the registry, 20s by default
package faults
