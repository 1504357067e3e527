package listwatch_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Before the first contact the age counts from the start.
func TestSource_AgeGrowsWithoutContact(t *testing.T) {
	server := kubetest.NewServer(t, kubetest.Refuses(503, "ServiceUnavailable", "no"))
	r := watchServer(t, server.URL, nil)
	testwait.Empty(t, func() string {
		if age := r.Age(); age < 200*time.Millisecond {
			return fmt.Sprintf("age %v", age)
		}
		return ""
	})
}

// Each failure has a text with the remedy, is logged once however often it repeats, and keeps the source unready.
func TestSource_ExplainsFailuresOnce(t *testing.T) {
	tests := map[string]struct {
		answer  kubetest.Answer
		env     map[string]string
		message string
		reason  string
	}{
		"no permission to watch": {
			answer:  kubetest.Refuses(403, "Forbidden", `User "ada" cannot watch resource "components"`),
			message: `missing permission: watch components.oda.tmforum.org in namespace "a": grant get, list and watch, see deploy/rbac.yaml (User "ada" cannot watch`,
			reason:  "forbidden",
		},
		"no permission to list": {
			answer:  byVerb(kubetest.Refuses(422, "Invalid", "sendInitialEvents"), kubetest.Refuses(403, "Forbidden", "no")),
			message: `missing permission: list components.oda.tmforum.org in namespace "a": grant get, list and watch, see deploy/rbac.yaml`,
			reason:  "forbidden",
		},
		"no permission cluster-wide": {
			answer:  kubetest.Refuses(403, "Forbidden", "no"),
			env:     map[string]string{"KUBERNETES_NAMESPACE": "all"},
			message: `missing permission: watch components.oda.tmforum.org cluster-wide: grant get, list and watch, see deploy/rbac-cluster.yaml`,
			reason:  "forbidden",
		},
		"credentials refused": {answer: kubetest.Refuses(401, "Unauthorized", "Unauthorized"), message: "does not accept the credentials (401): check the token or client certificate", reason: "unauthorized"},
		"credentials not sent": {
			answer:  kubetest.Refuses(403, "Forbidden", `components is forbidden: User "system:anonymous" cannot watch`),
			message: "the API server got no credentials: check the user of the kubeconfig's context",
			reason:  "unauthorized",
		},
		"initializing": {answer: kubetest.Refuses(429, "TooManyRequests", "storage is (re)initializing"), message: "storage is (re)initializing", reason: "unavailable"},
		"proxy without API server": {answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
			message: "bad gateway", reason: "unavailable"},
		"reset again and again":     {answer: resets, message: "connection reset by peer", reason: "unreachable"},
		"lists cut again and again": {answer: cuts(), message: "connection lost", reason: "lost"},
		"silence instead of an answer, hung up": {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			message: "API server unreachable: EOF", reason: "unreachable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := kubetest.NewServer(t, test.answer)
			env := map[string]string{"KUBERNETES_NAMESPACE": "a"}
			for variable, value := range test.env {
				env[variable] = value
			}
			r := watchServer(t, server.URL, env)
			testwait.Empty(t, func() string {
				if n := len(server.Requests()); n < 10 {
					return fmt.Sprintf("%d requests", n)
				}
				return kubetest.Missing(fmt.Sprint(r.State()), test.message)
			})
			r.stop()
			r.logsOnce(t, "not watching, retrying")
			if wrong := kubetest.Missing(strings.ReplaceAll(r.log.String(), `\"`, `"`), test.message); wrong != "" {
				t.Error(wrong)
			}
			if n, err := testutil.GatherAndCount(r.registry, "odasync_watch_restarts_total"); err != nil || n == 0 {
				t.Errorf("%d restart counters, %v", n, err)
			}
			testcheck.AtLeast(t, fmt.Sprintf("restarts with reason %s", test.reason), 5, counter(t, r, "odasync_watch_restarts_total", "reason", test.reason))
		})
	}
}

func TestSource_ReportsAMissingServer(t *testing.T) {
	listener := testcheck.Must(net.Listen("tcp", "127.0.0.1:0"))
	address := listener.Addr().String()
	listener.Close()
	r := watchServer(t, "http://"+address, nil)
	r.awaitState(t, "API server unreachable: dial tcp "+address+": connect: connection refused")
}

func TestSource_ReportsAnUntrustedServer(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes fail, as they should
	server.StartTLS()
	defer server.Close()
	r := watchServer(t, server.URL, nil)
	r.awaitState(t, "check the certificate authority and the server address of the kubeconfig")
}

// A watch that closes at once is a failure: it is retried with backoff and logged once.
func TestSource_RetriesWatchesThatCloseAtOnce(t *testing.T) {
	server := kubetest.NewServer(t, closes(ends("2")), closes())
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	server.AwaitRequests(t, 10)
	r.stop()
	r.logsOnce(t, "not watching, retrying")
	if strings.Contains(r.log.String(), "watching again") {
		t.Errorf("recovered though nothing was ever served:\n%s", r.log)
	}
}

func TestSource_StateAndAge(t *testing.T) {
	proceed := make(chan struct{})
	server := kubetest.NewServer(t, func(w http.ResponseWriter, r *http.Request) {
		send(w, []map[string]any{added("a", "x", "1")})
		<-proceed
		closes(ends("2"), bookmark("3"))(w, r)
	}, kubetest.Refuses(503, "ServiceUnavailable", ""), holds(bookmark("4")), holds(ends("5")))
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	expect(t, "reports", []string{"begin 1 a", "1 seen a/x@1"}, r.recorder.said)
	if wrong := kubetest.Missing(fmt.Sprint(r.State()), "namespace a: not read completely yet"); wrong != "" {
		t.Error(wrong)
	}
	close(proceed)
	testwait.Empty(t, func() string {
		if err := r.State(); err != nil {
			return err.Error()
		}
		return kubetest.Missing(r.log.String(), "watching again")
	})
	for _, part := range []string{`"level":"warn"`, `"scope":"a"`, `"reason":"unavailable"`} {
		if wrong := kubetest.Missing(r.log.String(), part); wrong != "" {
			t.Error(wrong)
		}
	}
	// Silent by now, until it is read afresh: the age grows, and the metric with it.
	before := r.Age()
	testwait.Empty(t, func() string {
		if r.Age() <= before {
			return "the age does not grow"
		}
		return ""
	})
	if age := counter(t, r, "odasync_watch_age_seconds", "", ""); age <= 0 || age > testwait.Limit.Seconds() {
		t.Errorf("the age as a metric is %v", age)
	}
	r.stop()
	if r.Age() != 0 || r.State() == nil {
		t.Errorf("age %v, state %v of a source that does not watch", r.Age(), r.State())
	}
}

func TestSource_LogsMalformedComponentsOnce(t *testing.T) {
	odd := func(version string, spec any) map[string]any {
		return map[string]any{"metadata": map[string]any{"namespace": "a", "name": "odd", "uid": "u", "resourceVersion": version}, "spec": spec}
	}
	event := func(object map[string]any) map[string]any {
		return map[string]any{"type": "MODIFIED", "object": object}
	}
	added := map[string]any{"type": "ADDED", "object": odd("1", "text")}
	server := kubetest.NewServer(t,
		closes(added, ends("2"), event(odd("3", "text")), event(odd("4", map[string]any{"coreFunction": "text"})), failed(410, "Expired", "")),
		holds(map[string]any{"type": "ADDED", "object": odd("4", map[string]any{"coreFunction": "text"})}, ends("5"),
			event(kubetest.Object("a", "odd", "6")), event(odd("7", "text")), bookmark("8")))
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	expect(t, "reports", []string{"begin 1 a", "1 malformed a/odd@1", "end 1 a", "1 malformed a/odd@3", "1 malformed a/odd@4",
		"begin 2 a", "2 malformed a/odd@4", "end 2 a", "2 seen a/odd@6", "2 malformed a/odd@7"}, r.recorder.said)
	testwait.Empty(t, func() string { // the first, the changed, and the one that came back
		if n := strings.Count(r.log.String(), "component cannot be read"); n != 3 {
			return fmt.Sprintf("%d lines:\n%s", n, r.log)
		}
		return ""
	})
	testcheck.Equal(t, "counted", 3, counter(t, r, "odasync_components_malformed_total", "", ""))
	for _, part := range []string{`"namespace":"a"`, `"component":"odd"`, `"field":"spec"`} {
		if wrong := kubetest.Missing(r.log.String(), part); wrong != "" {
			t.Error(wrong)
		}
	}
}

// A server that is down is not asked all the time.
func TestDefaultTuning_BackoffGrows(t *testing.T) {
	backoff := listwatch.DefaultTuning().Backoff
	var last time.Duration
	for i := range 12 {
		pause := backoff.Step()
		if pause > 30*time.Second || i == 0 && (pause < 500*time.Millisecond || pause > time.Second) {
			t.Errorf("pause %d is %v", i, pause)
		}
		last = pause
	}
	testcheck.AtLeast(t, "the last pause, near 30 s", 20*time.Second, last)
}
