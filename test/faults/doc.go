// Package faults runs odasync's built programs against a real API server, real nats-server processes and the reference
// registry, and breaks each of them while a random workload changes the cluster. In the end the registry must equal the
// cluster, and its history is searched for overlapping, stale and doubled writes.
//
// The soak draws its workload and its schedule of faults from one seed, which it prints with the schedule: the same seed
// gives the same choices again, though not the same timing. The other tests show one promise each, with its measured
// time. They need `make build servers`; `make soak DURATION=10m SEED=n` runs the long soak.
//
//	FAULTS_SEED      the random choices of the soak
//	FAULTS_DURATION  how long the soak's faults last; by default each kind strikes once, for seconds
//	FAULTS_NODES     nats-servers of the soak: 1 or 3, 3 by default
//	FAULTS_FREEZES   false leaves frozen processes out; then no write may overlap another or come late, not even for a moment
//	FAULTS_OUTAGE    how long the registry is away in the outage test, 20s by default
package faults
