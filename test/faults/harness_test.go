package faults

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// shared is the API server of all tests; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &shared)) }

// fleet is a test environment with watchers and syncers. A process that ended is replaced in place.
type fleet struct {
	*testenv.Env
	watchers, syncers []*procs.Process
}

// newFleet creates a test environment with one NATS server, of a test that is parallel to others, and starts no other process.
func newFleet(t *testing.T, namespaces ...string) *fleet {
	t.Helper()
	t.Parallel()
	return &fleet{Env: testenv.New(t, shared, namespaces...)}
}

// watch starts watchers with additional variables, and waits until they are ready.
func (f *fleet) watch(count int, env map[string]string) {
	f.Helper()
	before := len(f.watchers)
	for range count {
		f.watchers = append(f.watchers, f.Start(f.WatcherSpec(fmt.Sprintf("watcher-%d", len(f.watchers)+1), env)))
	}
	f.AwaitReady(f.watchers[before:]...)
}

// sync starts syncers with additional variables, and waits until they are ready.
func (f *fleet) sync(count int, env map[string]string) {
	f.Helper()
	before := len(f.syncers)
	for range count {
		f.syncers = append(f.syncers, f.Start(f.SyncerSpec(fmt.Sprintf("syncer-%d", len(f.syncers)+1), env)))
	}
	f.AwaitReady(f.syncers[before:]...)
}

// restart replaces a process that has ended by a new one with the same spec.
func (f *fleet) restart(p **procs.Process) error {
	next, err := f.Group.Start((*p).Spec)
	if err == nil {
		*p = next
	}
	return err
}

// freezeFor freezes a process for a while.
func (f *fleet) freezeFor(p *procs.Process, lasts time.Duration) error {
	err := p.Freeze(f.Within(testenv.Timeout))
	return errors.Join(err, procs.Pause(f.Context(), lasts), p.Thaw())
}

// leader finds the leading watcher, and another one.
func (f *fleet) leader() (leads, other **procs.Process, err error) {
	i, err := f.Leader(f.watchers)
	if err != nil {
		return nil, nil, err
	}
	return &f.watchers[i], &f.watchers[(i+1)%len(f.watchers)], nil
}

// mustLeader waits for a leader.
func (f *fleet) mustLeader() (leads, other **procs.Process) {
	f.Helper()
	f.Eventually(testenv.Timeout, "a leader", func() (err error) {
		leads, other, err = f.leader()
		return err
	})
	return leads, other
}

// expectVersion returns an error unless the registry has the component in the version.
func (f *fleet) expectVersion(name, version string) error {
	for _, c := range f.Registry.Snapshot().Components {
		if c.Name == name {
			if have := c.Labels["component-version"]; have != version {
				return fmt.Errorf("%s has version %q, want %q", name, have, version)
			}
			return nil
		}
	}
	return fmt.Errorf("%s is not in the registry", name)
}

// apply writes a Component of the first namespace in a version.
func (f *fleet) apply(name, version string) {
	f.Helper()
	f.Apply(testenv.Component(f.Namespaces[0], name, version, "first"))
}

// applied is apply, and waits until the registry is in sync.
func (f *fleet) applied(name, version string) {
	f.Helper()
	f.apply(name, version)
	f.AwaitInSync(testenv.Timeout)
}

// findings searches the registry's history for anomalies. Duplicates and stale content fail the test.
func (f *fleet) findings() testenv.Findings {
	f.Helper()
	found, err := testenv.Examine(f.Registry.Server)
	if err != nil {
		f.Error(err)
	}
	none(f, "duplicates", found.Duplicates)
	none(f, "components and APIs with a stale version", found.StaleNow)
	return found
}

// expectNoAnomalies is findings for tests without frozen processes: no write may overlap another, come late or create an API
// twice, not even for a moment.
func (f *fleet) expectNoAnomalies() testenv.Findings {
	f.Helper()
	found := f.findings()
	none(f, "overlapping writes", found.Overlaps)
	none(f, "stale writes", found.Stale)
	none(f, "APIs created twice", found.CreatedTwice)
	return found
}

func none[T any](f *fleet, what string, found []T) {
	f.Helper()
	if len(found) > 0 {
		f.Errorf("%d %s, want none:", len(found), what)
	}
	for _, each := range found[:min(len(found), 10)] {
		f.Log(each)
	}
}
