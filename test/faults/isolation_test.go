package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/test/testenv"
)

// shortTries exhausts the attempts of a failing component soon, and reconciles often.
var shortTries = map[string]string{
	"COMPONENT_REGISTRY_TIMEOUT": "1s", "COMPONENT_REGISTRY_RETRY_ATTEMPTS": "1", "SYNC_INTERVAL": "5",
}

// TestPoison_OneComponentAlone lets the registry fail for one component and accept the others. The others are applied, and the
// breaker stays closed. The component becomes a dead letter, and is applied once the registry accepts it, without a change or a
// command.
func TestPoison_OneComponentAlone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, when  string
		fault       faults.Fault
		concurrency string
	}{
		{"timeout", "when its requests hang, with a concurrency of 1", faults.Fault{Hang: true}, "1"},
		{"403", "when a firewall refuses it with 403", faults.Fault{Status: http.StatusForbidden, Body: "blocked by the firewall"}, "16"},
	} {
		t.Run(test.when, func(t *testing.T) {
			f := newFleet(t, "faults-alone-"+test.name)
			f.watch(1, map[string]string{"SYNC_INTERVAL": "5"})
			env := maps.Clone(shortTries)
			env["SYNC_CONCURRENCY"] = test.concurrency
			f.sync(1, env)
			f.failOne(test.fault)
		})
	}
}

// failOne injects the fault into requests that create one component or an API of it.
func (f *fleet) failOne(fault faults.Fault) {
	f.Helper()
	const others, atMost = 30, 30 * time.Second
	f.applied("before", "1")

	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if subject(r) != "sick" {
			return nil
		}
		injected := fault
		return &injected
	})
	f.apply("sick", "1")
	began := time.Now()
	for i := range others {
		f.apply(fmt.Sprintf("other-%d", i), "1")
	}
	f.Eventually(atMost, "the others are applied", func() error {
		if err := f.breaker(f.syncers[0], "closed"); err != nil {
			f.Fatalf("the breaker opens for one component: %v", err)
		}
		for i := range others {
			if err := f.expectVersion(fmt.Sprintf("other-%d", i), "1"); err != nil {
				return err
			}
		}
		return nil
	})
	f.Logf("%d others are applied after %s", others, time.Since(began).Round(10*time.Millisecond))
	f.expectDeadLettersWithin(2*time.Minute, func() {
		if err := f.breaker(f.syncers[0], "closed"); err != nil {
			f.Fatalf("the breaker opens for one component: %v", err)
		}
	}, f.Namespaces[0]+"/sick")
	f.Logf("it is a dead letter after %s", time.Since(began).Round(10*time.Millisecond))
	f.apply("other-0", "2")
	f.Eventually(testenv.Timeout, "another is applied", func() error { return f.expectVersion("other-0", "2") })

	f.Registry.SetFault(nil)
	took := f.AwaitInSync(2 * time.Minute)
	f.Logf("it is applied %s after the registry accepts it again", took.Round(10*time.Millisecond))
	f.expectDeadLetters()
	f.AwaitReady(f.syncers...)
}

// TestRetryAfter_Capped answers one of two replicas with Retry-After: 3600. /readyz of that replica reports it. The other
// replica applies the components that the first had not begun, and all are applied within little more than a minute.
func TestRetryAfter_Capped(t *testing.T) {
	const components, soon, atMost = 40, 20 * time.Second, 90 * time.Second
	f := newFleet(t, "faults-retry-after")
	f.watch(1, nil)
	f.sync(1, nil)
	f.applied("before", "1")

	asked := newNames()
	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		user, _, _ := r.BasicAuth()
		name := subject(r)
		if user != "syncer-1" || name == "" {
			return nil
		}
		asked.add(name)
		return &faults.Fault{Status: http.StatusTooManyRequests, RetryAfter: "3600", Body: "come back in an hour"}
	})
	for i := range components {
		f.apply(fmt.Sprintf("item-%d", i), "1")
	}
	f.AwaitNotReady(f.syncers[0], "429")
	t.Logf("/readyz: %s", f.Readyz(f.syncers[0]))
	f.sync(1, nil)
	began := time.Now()
	f.Eventually(soon, "the other replica applies what the first had not begun", func() error {
		var missing []error
		for i := range components {
			name := fmt.Sprintf("item-%d", i)
			if !asked.has(name) {
				missing = append(missing, f.expectVersion(name, "1"))
			}
		}
		return errors.Join(missing...)
	})
	t.Logf("%d components were answered with 429; the others are applied after %s: %s",
		asked.count(), time.Since(began).Round(10*time.Millisecond), strings.Join(asked.all(), ", "))
	if asked.count() >= components {
		t.Errorf("all %d components were answered with 429: none was left to requeue", components)
	}
	took := f.AwaitInSync(atMost - time.Since(began))
	t.Logf("all are applied after another %s", took.Round(10*time.Millisecond))
	f.Registry.SetFault(nil)
	f.applied("after", "1")
	f.expectNoAnomalies()
}

// names is a set of components that requests were about.
type names struct {
	mu  sync.Mutex
	set map[string]bool
}

func newNames() *names { return &names{set: map[string]bool{}} }

func (n *names) add(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set[name] = true
}

func (n *names) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.set[name]
}

func (n *names) count() int { return len(n.all()) }

func (n *names) all() (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range maps.Keys(n.set) {
		all = append(all, name)
	}
	return all
}

// TestPoison_ClearsItself answers 500 to one component for half a minute, long enough for a dead letter. Afterwards it is
// applied without a retry by command and without a change.
func TestPoison_ClearsItself(t *testing.T) {
	const namespace, lasts = "faults-poison", 30 * time.Second
	f := newFleet(t, namespace)
	well := time.Now().Add(lasts)
	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if time.Now().After(well) || r.Method != http.MethodPost || r.URL.Path != "/exposed-apis/" {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte("poisonous")) {
			return nil
		}
		return &faults.Fault{Status: http.StatusInternalServerError, Body: `{"detail":"integrity error"}`}
	})
	f.Apply(testenv.Component(namespace, "bad", "1", "poisonous"))
	f.apply("good", "1")
	f.watch(1, nil)
	f.sync(2, map[string]string{"SYNC_INTERVAL": "2", "COMPONENT_REGISTRY_RETRY_DELAY": "100ms"})
	f.expectDeadLetters(namespace + "/bad")
	if !time.Now().Before(well) {
		t.Fatal("the registry recovered before there was a dead letter: nothing was tested")
	}
	f.apply("good", "2")
	f.Eventually(testenv.Timeout, "another component is applied meanwhile", func() error { return f.expectVersion("good", "2") })

	f.AwaitInSync(4 * testenv.Timeout) // the first retry comes half a minute after the last try
	f.expectDeadLetters()
	f.expectNoAnomalies()
}
