package elector_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"odasync/internal/kube"
	"odasync/internal/kube/elector"
	"odasync/internal/kube/kubetest"
	"odasync/internal/logtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leases is an API server with one Lease. Requests can be made to fail or to hang.
type leases struct {
	*httptest.Server

	mu      sync.Mutex
	lease   *coordination.Lease
	version int
	fail    map[string]kubetest.Answer // by verb
	hang    bool
	stop    chan struct{}
}

func newLeases(t *testing.T) *leases {
	t.Helper()
	l := &leases{fail: map[string]kubetest.Answer{}, stop: make(chan struct{})}
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
	hang, fail := l.hang, l.fail[verb]
	l.mu.Unlock()
	switch {
	case hang:
		select {
		case <-r.Context().Done():
		case <-l.stop:
		}
		return
	case fail != nil:
		fail(w, r)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if verb == "get" {
		if l.lease == nil {
			kubetest.Refuses(404, "NotFound", "not found")(w, r)
			return
		}
		answer(w, http.StatusOK, l.lease)
		return
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil) // clients send Protobuf
	if err != nil {
		kubetest.Refuses(400, "BadRequest", err.Error())(w, r)
		return
	}
	sent := decoded.(*coordination.Lease)
	if verb == "update" && sent.ResourceVersion != strconv.Itoa(l.version) {
		kubetest.Refuses(409, "Conflict", "the object has been modified")(w, r)
		return
	}
	l.put(sent)
	answer(w, http.StatusOK, l.lease)
}

func (l *leases) put(lease *coordination.Lease) {
	l.version++
	lease.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	lease.ResourceVersion = strconv.Itoa(l.version)
	l.lease = lease
}

// holder returns the identity in the Lease, empty for none.
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

// candidate is a running Elector. Each lead sends its context to leads, and ends with an error from end or with its context.
type candidate struct {
	*elector.Elector
	log   *logtest.Buffer
	leads chan context.Context
	end   chan error
	slow  chan struct{} // where not nil, a lead only ends once it is closed
	stop  func()
}

// campaigning returns the leases and a candidate of a test that is parallel to others.
func campaigning(t *testing.T) (*leases, *candidate) {
	t.Helper()
	t.Parallel()
	server := newLeases(t)
	return server, campaign(t, server.URL, "3s", nil)
}

func campaign(t *testing.T, server, leaseDuration string, slow chan struct{}) *candidate {
	t.Helper()
	cfg, client := configure(t, server, leaseDuration)
	c := &candidate{log: new(logtest.Buffer), leads: make(chan context.Context, 10), end: make(chan error), slow: slow}
	c.Elector = elector.New(cfg, client, zerolog.New(c.log))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, c.lead) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		testcheck.ErrorIs(t, "the end of Run when its context ends", nil, <-ended)
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
	case <-time.After(testwait.Limit):
		t.Fatalf("not leading:\n%s", c.log)
		return nil
	}
}

// answer sends an object.
func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

// configure returns a configuration for the server, and its client.
func configure(t *testing.T, server, leaseDuration string) (kube.Config, *kube.Client) {
	t.Helper()
	cfg := kubetest.Configure(t, server, map[string]string{"LEASE_DURATION": leaseDuration})
	return cfg, kubetest.NewClient(t, cfg)
}

// logs waits until the candidate has logged the text.
func (c *candidate) logs(t *testing.T, text string) {
	t.Helper()
	testwait.Empty(t, func() string { return kubetest.Missing(c.log.String(), text) })
}
