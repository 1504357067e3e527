package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"odasync/internal/kube"
	"odasync/internal/logtest"
)

// leases is an API server with one Lease, which it may refuse to serve, or not answer for.
type leases struct {
	*httptest.Server

	mu      sync.Mutex
	lease   *coordination.Lease
	version int
	refuse  map[string]answer // by verb
	hang    bool
	stop    chan struct{}
}

func newLeases(t *testing.T) *leases {
	t.Helper()
	l := &leases{refuse: map[string]answer{}, stop: make(chan struct{})}
	l.Server = httptest.NewServer(l)
	t.Cleanup(func() {
		close(l.stop)
		l.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return l
}

func (l *leases) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verb := map[string]string{"GET": "get", "POST": "create", "PUT": "update"}[r.Method]
	l.mu.Lock()
	hang, refuse := l.hang, l.refuse[verb]
	l.mu.Unlock()
	switch {
	case hang:
		select {
		case <-r.Context().Done():
		case <-l.stop:
		}
		return
	case refuse != nil:
		refuse(w, r)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if verb == "get" {
		if l.lease == nil {
			refuses(404, "NotFound", "not found")(w, r)
			return
		}
		body(l.lease)(w, r)
		return
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil) // clients send Protobuf
	if err != nil {
		refuses(400, "BadRequest", err.Error())(w, r)
		return
	}
	sent := decoded.(*coordination.Lease)
	if verb == "update" && sent.ResourceVersion != strconv.Itoa(l.version) {
		refuses(409, "Conflict", "the object has been modified")(w, r)
		return
	}
	l.put(sent)
	body(l.lease)(w, r)
}

func (l *leases) put(lease *coordination.Lease) {
	l.version++
	lease.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	lease.ResourceVersion = strconv.Itoa(l.version)
	l.lease = lease
}

// holder returns who holds the Lease, empty for nobody.
func (l *leases) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lease == nil || l.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.lease.Spec.HolderIdentity
}

// steal gives the Lease to another, as if it had run out.
func (l *leases) steal(holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(&coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "canvas", Name: "odasync-watcher"},
		Spec:       coordination.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: new(int32(3))},
	})
}

func (l *leases) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// candidate is an Elector at work. Each lead says so in leads and ends when told to or when its context does.
type candidate struct {
	*kube.Elector
	log   *logtest.Buffer
	leads chan context.Context
	end   chan error
	slow  chan struct{} // where not nil, a lead only ends once it is closed
	stop  func()
}

func campaign(t *testing.T, server string, env map[string]string, slow chan struct{}) *candidate {
	t.Helper()
	variables := map[string]string{"LEASE_DURATION": "3s"}
	for name, value := range env {
		variables[name] = value
	}
	cfg := configure(t, server, variables)
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{log: new(logtest.Buffer), leads: make(chan context.Context, 10), end: make(chan error), slow: slow}
	c.Elector = kube.NewElector(cfg, client, zerolog.New(c.log))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, c.lead) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v, want nil when its context ends", err)
		}
	})
	t.Cleanup(c.stop)
	return c
}

func (c *candidate) lead(ctx context.Context) error {
	c.leads <- ctx
	defer func() {
		if c.slow != nil {
			<-c.slow
		}
	}()
	select {
	case err := <-c.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leading waits until the candidate leads and returns the lead's context.
func (c *candidate) leading(t *testing.T) context.Context {
	t.Helper()
	select {
	case ctx := <-c.leads:
		return ctx
	case <-time.After(patience):
		t.Fatalf("does not lead:\n%s", c.log)
		return nil
	}
}

func TestElectorHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	first := campaign(t, server.URL, nil, nil)
	first.leading(t)
	if !first.IsLeader() || !first.Fresh() || server.holder() != first.Identity() {
		t.Errorf("leader %v, fresh %v, holder %q", first.IsLeader(), first.Fresh(), server.holder())
	}
	second := campaign(t, server.URL, nil, nil)
	eventually(t, func() string { return missing(second.log.String(), "standing by") })
	if second.IsLeader() || second.Fresh() || second.State() != nil {
		t.Errorf("a standby is leader %v, fresh %v, %v", second.IsLeader(), second.Fresh(), second.State())
	}
	first.stop()
	released := time.Now()
	second.leading(t)
	if took := time.Since(released); took > time.Second {
		t.Errorf("the standby took over after %v", took)
	}
	if first.IsLeader() || first.Fresh() {
		t.Error("the first is still leader")
	}
}

func TestElectorReleasesAfterTheWork(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	slow := make(chan struct{})
	c := campaign(t, server.URL, nil, slow)
	finish := sync.OnceFunc(func() { close(slow) })
	t.Cleanup(finish)
	lead := c.leading(t)
	standby := campaign(t, server.URL, nil, nil)
	go c.stop()
	<-lead.Done()
	// For longer than the Lease lasts the work has not ended: the Lease stays ours, and is renewed.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if server.holder() != c.Identity() {
			t.Fatal("released before the work ended")
		}
	}
	if stuck := c.Stuck(); stuck < 5*time.Second || stuck > patience {
		t.Errorf("stuck for %v", stuck)
	}
	finish()
	standby.leading(t)
	if c.Stuck() != 0 || standby.Stuck() != 0 {
		t.Errorf("stuck for %v and %v", c.Stuck(), standby.Stuck())
	}
}

func TestElectorStopsWhenRenewalsHang(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	c := campaign(t, server.URL, nil, nil)
	lead := c.leading(t)
	server.set(func() { server.hang = true })
	hung := time.Now()
	select {
	case <-lead.Done():
	case <-time.After(patience):
		t.Fatal("still leading")
	}
	// The renew deadline is 2 s.
	if took := time.Since(hung); took > 2200*time.Millisecond {
		t.Errorf("the lead ended after %v", took)
	}
	if c.Fresh() {
		t.Error("fresh without a renewal")
	}
	if reason := context.Cause(lead); reason == nil || !strings.Contains(reason.Error(), "not renewed in time") {
		t.Errorf("ended because of %v", reason)
	}
	server.set(func() { server.hang = false })
	c.leading(t)
}

func TestElectorLeavesTheSuccessorsLease(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	c := campaign(t, server.URL, nil, nil)
	lead := c.leading(t)
	server.steal("other")
	stolen := time.Now()
	eventually(t, func() string {
		if c.Fresh() {
			return "fresh with another's Lease"
		}
		return ""
	})
	// That is with the next renewal, long before the Lease would be too old.
	if took := time.Since(stolen); took > 1500*time.Millisecond {
		t.Errorf("noticed after %v", took)
	}
	select {
	case <-lead.Done():
	case <-time.After(patience):
		t.Fatal("still leading")
	}
	eventually(t, func() string { return missing(c.log.String(), "campaigning again") })
	if holder := server.holder(); holder != "other" {
		t.Errorf("the Lease of the other is now held by %q", holder)
	}
	c.leading(t) // the other never renews
}

// A holder that died long ago does not keep the lead for another lease; one that may live does.
func TestElectorTakesALeaseThatRanOutLongAgo(t *testing.T) {
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
	long := map[string]string{"LEASE_DURATION": "60s"} // longer than a test waits
	dead := campaign(t, held(time.Now().Add(-3*time.Minute)).URL, long, nil)
	dead.leading(t)

	late := held(time.Now().Add(-90 * time.Second)) // which a clock that is wrong by half a minute would explain
	waits := campaign(t, late.URL, long, nil)
	eventually(t, func() string { return missing(waits.log.String(), "standing by") })
	if holder := late.holder(); holder != "other" || waits.IsLeader() {
		t.Errorf("the Lease is held by %q", holder)
	}
}

func TestElectorStopsRightAfterTheLeaseWasLost(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	c := campaign(t, server.URL, nil, nil)
	c.leading(t)
	server.steal("other")
	c.stop()
	if holder := server.holder(); holder != "other" {
		t.Errorf("the Lease of the other is now held by %q", holder)
	}
}

func TestElectorCampaignsAgainAfterAnError(t *testing.T) {
	t.Parallel()
	server := newLeases(t)
	c := campaign(t, server.URL, nil, nil)
	lead := c.leading(t)
	c.end <- errors.New("out of paper")
	eventually(t, func() string { return missing(c.log.String(), "out of paper") })
	if holder := server.holder(); holder != "" {
		t.Errorf("held by %q while nobody works", holder)
	}
	if lead.Err() == nil {
		t.Error("the context of a lead that ended is alive")
	}
	c.leading(t)
}

func TestElectorNamesTheMissingRule(t *testing.T) {
	t.Parallel()
	for verb, words := range map[string]string{
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
			server.set(func() { server.refuse[verb] = refuses(403, "Forbidden", "no") })
			c := campaign(t, server.URL, nil, nil)
			eventually(t, func() string { return missing(fmt.Sprint(c.State()), words) })
			asked := time.Now()
			for time.Since(asked) < time.Second { // it goes on asking, and on keeping quiet about it
				if len(c.leads) > 0 || c.IsLeader() {
					t.Fatal("leads without the Lease")
				}
				time.Sleep(10 * time.Millisecond)
			}
			if n := strings.Count(c.log.String(), "no access to the Lease"); n != 1 {
				t.Errorf("%d lines, want one:\n%s", n, c.log)
			}
			server.set(func() { delete(server.refuse, verb) })
			c.leading(t)
			if wrong := missing(c.log.String(), "access to the Lease again"); wrong != "" || c.State() != nil {
				t.Error(wrong, c.State())
			}
		})
	}
}

func TestElectorIdentitiesDiffer(t *testing.T) {
	cfg := configure(t, "http://127.0.0.1:1", nil)
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for range 3 {
		names = append(names, kube.NewElector(cfg, client, zerolog.Nop()).Identity())
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 3 {
		t.Errorf("identities %q", names)
	}
}
