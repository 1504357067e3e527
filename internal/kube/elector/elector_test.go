package elector_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"odasync/internal/kube/elector"
	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestElector_HandsOverAtOnce(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	first := campaign(t, server.URL, "3s", nil)
	first.leading(t)
	if !first.IsLeader() || !first.Fresh() || server.holder() != first.Identity() {
		t.Errorf("leader %v, fresh %v, holder %q", first.IsLeader(), first.Fresh(), server.holder())
	}
	second := campaign(t, server.URL, "3s", nil)
	second.logs(t, "standing by")
	if second.IsLeader() || second.Fresh() || second.State() != nil {
		t.Errorf("a standby is leader %v, fresh %v, %v", second.IsLeader(), second.Fresh(), second.State())
	}
	first.stop()
	released := time.Now()
	second.leading(t)
	testcheck.AtMost(t, "time until the standby took over", time.Second, time.Since(released))
	if first.IsLeader() || first.Fresh() {
		t.Error("the first is still leader")
	}
}

func TestElector_ReleasesAfterTheWork(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	slow := make(chan struct{})
	c := campaign(t, server.URL, "3s", slow)
	finish := sync.OnceFunc(func() { close(slow) })
	t.Cleanup(finish)
	lead := c.leading(t)
	standby := campaign(t, server.URL, "3s", nil)
	go c.stop()
	<-lead.Done()
	// For longer than the Lease lasts the work has not ended: the Lease stays ours, and is renewed.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if server.holder() != c.Identity() {
			t.Fatal("released before the work ended")
		}
	}
	if stuck := c.Stuck(); stuck < 5*time.Second || stuck > testwait.Limit {
		t.Errorf("stuck for %v", stuck)
	}
	finish()
	standby.leading(t)
	if c.Stuck() != 0 || standby.Stuck() != 0 {
		t.Errorf("stuck for %v and %v", c.Stuck(), standby.Stuck())
	}
}

func TestElector_StopsWhenRenewalsHang(t *testing.T) {
	server, c := campaigning(t)
	lead := c.leading(t)
	server.set(func() { server.hang = true })
	hung := time.Now()
	select {
	case <-lead.Done():
	case <-time.After(testwait.Limit):
		t.Fatal("still leading")
	}
	// The renew deadline is 2 s.
	testcheck.AtMost(t, "time until the lead ended", 2200*time.Millisecond, time.Since(hung))
	if c.Fresh() {
		t.Error("fresh without a renewal")
	}
	if reason := context.Cause(lead); reason == nil || !strings.Contains(reason.Error(), "not renewed in time") {
		t.Errorf("ended because of %v", reason)
	}
	server.set(func() { server.hang = false })
	c.leading(t)
}

func TestElector_LeavesTheLeaseOfASuccessor(t *testing.T) {
	server, c := campaigning(t)
	lead := c.leading(t)
	server.steal("other")
	stolen := time.Now()
	testwait.Empty(t, func() string {
		if c.Fresh() {
			return "fresh with another's Lease"
		}
		return ""
	})
	// That is with the next renewal, long before the Lease would be too old.
	testcheck.AtMost(t, "time until it was noticed", 1500*time.Millisecond, time.Since(stolen))
	select {
	case <-lead.Done():
	case <-time.After(testwait.Limit):
		t.Fatal("still leading")
	}
	c.logs(t, "campaigning again")
	testcheck.Equal(t, "holder of the Lease", "other", server.holder())
	c.leading(t) // the other never renews
}

// A holder whose Lease expired long ago does not keep the lead for another lease. One whose clock may be wrong does.
func TestElector_TakesALeaseThatExpiredLongAgo(t *testing.T) {
	t.Parallel()
	held := func(renewed time.Time) *leases {
		server := newLeases(t)
		holder, seconds, at := "other", int32(60), metav1.NewMicroTime(renewed)
		server.set(func() {
			server.put(&coordination.Lease{
				ObjectMeta: metav1.ObjectMeta{Namespace: "canvas", Name: "odasync-watcher"},
				Spec:       coordination.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &at, AcquireTime: &at},
			})
		})
		return server
	}
	const long = "60s" // longer than a test waits
	dead := campaign(t, held(time.Now().Add(-3*time.Minute)).URL, long, nil)
	dead.leading(t)

	late := held(time.Now().Add(-90 * time.Second)) // which a clock that is wrong by half a minute would explain
	waits := campaign(t, late.URL, long, nil)
	waits.logs(t, "standing by")
	if holder := late.holder(); holder != "other" || waits.IsLeader() {
		t.Errorf("the Lease is held by %q", holder)
	}
}

func TestElector_StoppedAfterTheLeaseWasLost(t *testing.T) {
	server, c := campaigning(t)
	c.leading(t)
	server.steal("other")
	c.stop()
	testcheck.Equal(t, "holder of the Lease", "other", server.holder())
}

func TestElector_CampaignsAgainAfterAnError(t *testing.T) {
	server, c := campaigning(t)
	lead := c.leading(t)
	c.end <- errors.New("out of paper")
	c.logs(t, "out of paper")
	testcheck.Equal(t, "holder after the work has ended", "", server.holder())
	if lead.Err() == nil {
		t.Error("the context of a lead that ended is alive")
	}
	c.leading(t)
}

func TestElector_NamesTheMissingPermission(t *testing.T) {
	t.Parallel()
	for verb, message := range map[string]string{
		"get":    `missing permission: get leases.coordination.k8s.io "odasync-watcher" in namespace "canvas": grant get, create and update, see deploy/rbac.yaml`,
		"create": `missing permission: create leases.coordination.k8s.io in namespace "canvas"`,
		"update": `missing permission: update leases.coordination.k8s.io "odasync-watcher" in namespace "canvas"`,
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			server := newLeases(t)
			if verb == "update" {
				server.steal("") // there is a Lease to update
			}
			server.set(func() { server.fail[verb] = kubetest.Refuses(403, "Forbidden", "no") })
			c := campaign(t, server.URL, "3s", nil)
			testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(c.State()), message) })
			asked := time.Now()
			for time.Since(asked) < time.Second { // it keeps asking, and logs nothing more
				if len(c.leads) > 0 || c.IsLeader() {
					t.Fatal("leads without the Lease")
				}
				time.Sleep(10 * time.Millisecond)
			}
			if n := strings.Count(c.log.String(), "no access to the lease"); n != 1 {
				t.Errorf("%d lines, want one:\n%s", n, c.log)
			}
			server.set(func() { delete(server.fail, verb) })
			c.leading(t)
			if wrong := kubetest.Missing(c.log.String(), "access to the lease recovered"); wrong != "" || c.State() != nil {
				t.Error(wrong, c.State())
			}
		})
	}
}

func TestElector_IdentitiesAreUnique(t *testing.T) {
	cfg, client := configure(t, "http://127.0.0.1:1", "3s")
	var names []string
	for range 3 {
		names = append(names, elector.New(cfg, client, zerolog.Nop()).Identity())
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 3 {
		t.Errorf("identities %q", names)
	}
}
