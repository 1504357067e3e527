package faults

import (
	"fmt"
	"testing"
	"time"

	"odasync/internal/testcheck"
	"odasync/internal/testproxy"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestLeader_WithoutNATS disconnects the leader from NATS alone, at the start of its term and during it. The other watcher
// takes over within twice the lease's duration, and the disconnected one is the standby once it is back.
func TestLeader_WithoutNATS(t *testing.T) {
	// Beside the margin there is the pause before the leader campaigns again, and the end of its claim on the cluster's name.
	const lease, atMost = 4 * time.Second, 2*4*time.Second + 6*time.Second + margin
	f := newFleet(t, "faults-reach")
	proxy := testproxy.New(t, f.NATSURL)
	env := map[string]string{"LEASE_DURATION": lease.String()}
	cutOff := f.Start(f.WatcherSpec("cut-off", env).With(map[string]string{"NATS_URL": proxy.URL}))
	f.watchers = append(f.watchers, cutOff)
	f.AwaitReady(cutOff)
	f.sync(1, nil)

	takesOver := func(other *procs.Process, version string) {
		t.Helper()
		began := time.Now()
		f.apply("baton", version)
		f.Eventually(testenv.Timeout, "the other watcher publishes", func() error { return f.expectVersion("baton", version) })
		took := time.Since(began)
		t.Logf("the registry has version %s after %.1f s, with a lease of %s", version, took.Seconds(), lease)
		testcheck.AtMost(t, "time until the other watcher published", atMost, took)
		testcheck.Equal(t, "odasync_leader of the other watcher", 1, f.Metric(other, "odasync_leader"))
		proxy.SetCut(false)
		f.AwaitReady(cutOff)
		testcheck.Equal(t, "odasync_leader of the disconnected watcher once it is back", 0, f.Metric(cutOff, "odasync_leader"))
		f.AwaitInSync(testenv.Timeout)
	}

	t.Log("during a term")
	other := f.Start(f.WatcherSpec("other", env))
	f.watchers = append(f.watchers, other)
	f.AwaitReady(other)
	f.applied("baton", "1")
	proxy.SetCut(true)
	takesOver(other, "2")

	t.Log("at the start of a term")
	proxy.SetCut(true)
	before := len(cutOff.Logged(testenv.Logs("leading", nil)))
	f.Must(other.Stop())
	f.Eventually(testenv.Timeout, "the disconnected watcher leads", func() error {
		if leads := len(cutOff.Logged(testenv.Logs("leading", nil))); leads == before {
			return fmt.Errorf("it won the Lease %d times", leads)
		}
		return nil
	})
	other = f.Start(other.Spec)
	f.watchers[1] = other
	f.AwaitReady(other)
	takesOver(other, "3")
	gave := cutOff.Logged(testenv.Logs("not leading, campaigning again", map[string]string{"error": "giving up the lead"}))
	if len(gave) == 0 {
		t.Error("the log has no reason for giving up the lead")
	}
	f.expectNoAnomalies()
}
