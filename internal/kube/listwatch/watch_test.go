package listwatch_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestSource_Watch(t *testing.T) {
	const initial, list = "v1/namespaces/a/components watch initial", "v1/namespaces/a/components list 2"
	from := func(version string) string { return "v1/namespaces/a/components watch from " + version }
	tests := map[string]struct {
		answers  []kubetest.Answer
		requests []string
		reports  []string
	}{
		"streamed list, then events": {
			answers:  []kubetest.Answer{holds(added("a", "x", "3"), added("a", "y", "2"), ends("5"), modified("a", "x", "6"), deleted("a", "y", "7"), added("a", "z", "8"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "1 seen a/y@2", "end 1 a", "1 seen a/x@6", "1 gone a/y@7", "1 seen a/z@8"},
		},
		"metadata that are no text": {
			answers: []kubetest.Answer{holds(
				map[string]any{"type": "ADDED", "object": map[string]any{"metadata": "none"}},
				map[string]any{"type": "ADDED", "object": map[string]any{"metadata": map[string]any{"name": 7, "namespace": "a", "resourceVersion": 4}}},
				added("a", "x", "3"), ends("5"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "end 1 a"},
		},
		"resumed from the last event after the server's timeout": {
			answers:  []kubetest.Answer{closes(ends("5"), modified("a", "x", "6")), holds(modified("a", "x", "7"))},
			requests: []string{initial, from("6")},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@6", "1 seen a/x@7"},
		},
		"resumed from the last bookmark": {
			answers:  []kubetest.Answer{closes(ends("5"), modified("a", "x", "6"), bookmark("9")), closes(bookmark("12")), holds(modified("a", "x", "13"))},
			requests: []string{initial, from("9"), from("12")},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@6", "1 seen a/x@13"},
		},
		"resumed after a cut": {
			answers:  []kubetest.Answer{cuts(ends("5"), modified("a", "x", "6")), holds(modified("a", "x", "7"))},
			requests: []string{initial, from("6")},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@6", "1 seen a/x@7"},
		},
		"resourceVersions beyond a float": {
			answers:  []kubetest.Answer{closes(ends("1759077720544655003")), holds(modified("a", "x", "1759077720544655007"))},
			requests: []string{initial, from("1759077720544655003")},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@1759077720544655007"},
		},
		"events between the objects and their end": {
			answers:  []kubetest.Answer{holds(added("a", "x", "3"), modified("a", "x", "4"), deleted("a", "x", "5"), ends("6"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "1 seen a/x@4", "1 gone a/x@5", "end 1 a"},
		},
		"410 answer to a resumed watch": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6")), kubetest.Refuses(410, "Expired", "too old resource version"), holds(added("a", "x", "9"), ends("10"))},
			requests: []string{initial, from("6"), initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "2 seen a/x@9", "end 2 a"},
		},
		"410 within a watch": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6"), failed(410, "Expired", "too old")), holds(ends("10"))},
			requests: []string{initial, initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"410 with the old reason": {
			answers:  []kubetest.Answer{closes(ends("5"), failed(410, "Gone", "too old")), holds(ends("10"))},
			requests: []string{initial, initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"a resourceVersion that the server does not understand": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6")), kubetest.Refuses(400, "BadRequest", "invalid resource version"), holds(ends("10"))},
			requests: []string{initial, from("6"), initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"a streamed list cut before its end is not ended, and read in pages": {
			answers:  []kubetest.Answer{cuts(added("a", "x", "3")), kubetest.Pages("7", "", kubetest.Object("a", "x", "3"), kubetest.Object("a", "y", "4")), holds()},
			requests: []string{initial, list, from("7")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "2 seen a/x@3", "2 seen a/y@4", "end 2 a"},
		},
		"a streamed list closed before its end is not ended": {
			answers:  []kubetest.Answer{closes(added("a", "x", "3")), kubetest.Pages("7", ""), holds()},
			requests: []string{initial, list, from("7")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "end 2 a"},
		},
		"a streamed list that fails before its end is not ended": {
			answers:  []kubetest.Answer{closes(added("a", "x", "3"), failed(500, "InternalError", "etcd")), kubetest.Pages("7", ""), holds()},
			requests: []string{initial, list, from("7")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "end 2 a"},
		},
		"after a cut list the next resync is streamed again": {
			answers:  []kubetest.Answer{cuts(added("a", "x", "3")), kubetest.Pages("7", ""), kubetest.Refuses(410, "Expired", ""), holds(ends("9"))},
			requests: []string{initial, list, from("7"), initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "end 2 a", "begin 3 a", "end 3 a"},
		},
		"streamed lists refused with 422": {
			answers:  []kubetest.Answer{kubetest.Refuses(422, "Invalid", "sendInitialEvents: Forbidden"), kubetest.Pages("7", "more", kubetest.Object("a", "x", "3"), kubetest.Object("a", "y", "4")), kubetest.Pages("7", "", kubetest.Object("a", "z", "5")), holds(modified("a", "z", "8"))},
			requests: []string{initial, list, list + " more", from("7")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "1 seen a/y@4", "1 seen a/z@5", "end 1 a", "1 seen a/z@8"},
		},
		"streamed lists refused with 400, for good": {
			answers:  []kubetest.Answer{kubetest.Refuses(400, "BadRequest", "unknown parameter"), kubetest.Pages("7", ""), kubetest.Refuses(410, "Expired", ""), kubetest.Pages("8", ""), holds()},
			requests: []string{initial, list, from("7"), list, from("8")},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"no end of the initial events": {
			answers:  []kubetest.Answer{holds(added("a", "x", "3")), kubetest.Pages("7", "", kubetest.Object("a", "x", "3")), holds()},
			requests: []string{initial, list, from("7")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "2 seen a/x@3", "end 2 a"},
		},
		"a streamed list that stalls: the next one is streamed again": {
			answers:  []kubetest.Answer{holds(added("a", "x", "3")), kubetest.Pages("7", ""), kubetest.Refuses(410, "Expired", ""), holds(ends("9"))},
			requests: []string{initial, list, from("7"), initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "end 2 a", "begin 3 a", "end 3 a"},
		},
		"streamed lists that stall three times in a row: in pages for good": {
			answers: []kubetest.Answer{holds(), kubetest.Pages("7", ""), kubetest.Refuses(410, "Expired", ""), holds(), kubetest.Pages("8", ""), kubetest.Refuses(410, "Expired", ""),
				holds(), kubetest.Pages("9", ""), kubetest.Refuses(410, "Expired", ""), kubetest.Pages("10", ""), holds()},
			requests: []string{initial, list, from("7"), initial, list, from("8"), initial, list, from("9"), list, from("10")},
			reports:  []string{"begin 1 a"},
		},
		"a streamed list of which parts come slowly": {
			answers:  []kubetest.Answer{trickles(added("a", "x", "3"), ends("5"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "end 1 a"},
		},
		"no end of the initial events, but changes and bookmarks all the time: in pages for good": {
			answers:  []kubetest.Answer{chatters("a", "x"), kubetest.Pages("7", "", kubetest.Object("a", "x", "3")), kubetest.Refuses(410, "Expired", ""), kubetest.Pages("8", ""), holds()},
			requests: []string{initial, list, from("7"), list, from("8")},
			reports:  []string{"begin 1 a"},
		},
		"a page that fails: the resync is not ended": {
			answers: []kubetest.Answer{kubetest.Refuses(422, "Invalid", ""), kubetest.Pages("7", "more", kubetest.Object("a", "x", "3")), kubetest.Refuses(500, "InternalError", "etcd"),
				kubetest.Pages("9", ""), holds()},
			requests: []string{initial, list, list + " more", list, from("9")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "end 2 a"},
		},
		"an expired page: listed afresh": {
			answers: []kubetest.Answer{kubetest.Refuses(422, "Invalid", ""), kubetest.Pages("7", "more", kubetest.Object("a", "x", "3")), kubetest.Refuses(410, "Expired", "continue"),
				kubetest.Pages("9", "", kubetest.Object("a", "y", "8")), holds()},
			requests: []string{initial, list, list + " more", list, from("9")},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "begin 2 a", "2 seen a/y@8", "end 2 a"},
		},
		"a silent watch: another resync": {
			answers:  []kubetest.Answer{holds(ends("5"), bookmark("6")), holds(added("a", "x", "8"), ends("9"))},
			requests: []string{initial, initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "2 seen a/x@8", "end 2 a"},
		},
		"silent watches that are closed in good order": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6")), dozes, dozes, dozes, holds(ends("9"))},
			requests: []string{initial, from("6"), from("6"), from("6"), initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"storage is initializing, then well": {
			answers:  []kubetest.Answer{kubetest.Refuses(429, "TooManyRequests", "storage is (re)initializing"), kubetest.Refuses(503, "ServiceUnavailable", ""), holds(ends("5"))},
			requests: []string{initial, initial, initial},
			reports:  []string{"begin 1 a", "end 1 a"},
		},
		"unavailable in between: resumed where it stopped": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6")), kubetest.Refuses(429, "TooManyRequests", ""), kubetest.Refuses(500, "InternalError", ""), holds(modified("a", "x", "7"))},
			requests: []string{initial, from("6"), from("6"), from("6")},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@7"},
		},
		"a resourceVersion ahead of a server that was restored from a backup": {
			answers:  []kubetest.Answer{closes(ends("5"), bookmark("6")), tooLarge, holds(ends("3"))},
			requests: []string{initial, from("6"), initial},
			reports:  []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a"},
		},
		"an unreadable object among others": {
			answers: []kubetest.Answer{holds(added("a", "x", "3"), map[string]any{"type": "ADDED", "object": map[string]any{
				"metadata": map[string]any{"namespace": "a", "name": "odd", "uid": "u", "resourceVersion": "4"}, "spec": "text"}}, added("a", "y", "5"), ends("6"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "1 seen a/x@3", "1 malformed a/odd@4", "1 seen a/y@5", "end 1 a"},
		},
		"event types of the future": {
			answers:  []kubetest.Answer{holds(ends("5"), map[string]any{"type": "MOVED", "object": kubetest.Object("a", "x", "6")}, modified("a", "x", "7"))},
			requests: []string{initial},
			reports:  []string{"begin 1 a", "end 1 a", "1 seen a/x@7"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := kubetest.NewServer(t, test.answers...)
			r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
			expect(t, "requests", test.requests, server.Requests)
			expect(t, "reports", test.reports, r.recorder.said)
		})
	}
}

// A resync that is cut never ends, however often it is retried.
func TestSource_NeverEndsAResyncThatWasCut(t *testing.T) {
	server := kubetest.NewServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(kubetest.Describe(r), "watch") {
			cuts(added("a", "x", "3"))(w, r)
		} else {
			kubetest.Refuses(500, "InternalError", "etcd")(w, r)
		}
	})
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
	server.AwaitRequests(t, 12)
	r.stop()
	for _, line := range r.recorder.said() {
		if strings.HasPrefix(line, "end") {
			t.Fatalf("a resync was ended: %q", r.recorder.said())
		}
	}
	if r.State() == nil {
		t.Error("ready without one complete resync")
	}
}

// A resync is no failure, and neither silence nor events delay it.
func TestSource_RefreshIsNoFailure(t *testing.T) {
	busy := func(w http.ResponseWriter, r *http.Request) {
		send(w, []map[string]any{ends("5")})
		for r.Context().Err() == nil {
			send(w, []map[string]any{bookmark("6")})
			time.Sleep(time.Millisecond)
		}
	}
	server := kubetest.NewServer(t, holds(ends("5")), busy)
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"}, func(tuning *listwatch.Tuning) {
		tuning.SilentAfter = testwait.Limit
	})
	for resync := range 3 {
		expect(t, "reports", []string{"begin 1 a", "end 1 a", "begin 2 a", "end 2 a", "begin 3 a", "end 3 a"}[:2+2*resync], r.recorder.said)
		if resync < 2 {
			r.Refresh()
		}
	}
	testcheck.ErrorIs(t, "state", nil, r.State())
	r.stop()
	if strings.Contains(r.log.String(), "retrying") {
		t.Errorf("a failure in the log:\n%s", r.log)
	}
}

func TestSource_Scopes(t *testing.T) {
	t.Run("a glob filters a cluster-wide watch", func(t *testing.T) {
		server := kubetest.NewServer(t, holds(added("odacompns-a", "x", "1"), added("kube-system", "y", "2"), ends("3"),
			deleted("kube-system", "y", "4"), modified("odacompns-b", "z", "5"), deleted("odacompns-a", "x", "6")))
		r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "odacompns-*"})
		expect(t, "reports", []string{"begin 1 odacompns-*", "1 seen odacompns-a/x@1", "end 1 odacompns-*", "1 seen odacompns-b/z@5",
			"1 gone odacompns-a/x@6"}, r.recorder.said)
		expect(t, "requests", []string{"v1/components watch initial"}, server.Requests)
	})
	t.Run("what the glob leaves out still moves the resume point", func(t *testing.T) {
		server := kubetest.NewServer(t, closes(ends("3"), modified("kube-system", "y", "4")), holds())
		watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "odacompns-*"})
		expect(t, "requests", []string{"v1/components watch initial", "v1/components watch from 4"}, server.Requests)
	})
	t.Run("a list is one watch a namespace, and one that fails leaves the others alone", func(t *testing.T) {
		server := kubetest.NewServer(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/b/") {
				kubetest.Refuses(403, "Forbidden", "no")(w, r)
				return
			}
			holds(added("a", "x", "1"), ends("2"))(w, r)
		})
		r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a,b"})
		expect(t, "reports", []string{"begin 1 a", "1 seen a/x@1", "end 1 a"}, r.recorder.said)
		r.awaitState(t, `namespace b: missing permission: watch components.oda.tmforum.org in namespace "b"`)
		if state := r.State().Error(); strings.Contains(state, "namespace a") {
			t.Errorf("state %q has an error of a", state)
		}
	})
}

func TestSource_Discovery(t *testing.T) {
	t.Run("waits for the CRD and logs it once", func(t *testing.T) {
		server := kubetest.NewServer(t, holds(ends("2")))
		server.SetCRD(kubetest.Refuses(404, "NotFound", `customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" not found`))
		r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
		const message = "CRD components.oda.tmforum.org is not installed: install the ODA Canvas CRDs; waiting"
		r.awaitState(t, message)
		server.SetCRD(kubetest.Serves("v1beta3", "v1beta4"))
		expect(t, "reports", []string{"begin 1 a", "end 1 a"}, r.recorder.said)
		expect(t, "requests", []string{"v1beta4/namespaces/a/components watch initial"}, server.Requests)
		r.logsOnce(t, message)
		testwait.Empty(t, func() string { return kubetest.Missing(r.log.String(), "watching again") })
	})
	t.Run("discovers the version again when it is no longer served", func(t *testing.T) {
		var server *kubetest.Server
		server = kubetest.NewServer(t, closes(ends("2")), func(w http.ResponseWriter, _ *http.Request) {
			server.SetCRD(kubetest.Serves("v1beta3"))
			http.Error(w, "404 page not found", http.StatusNotFound)
		}, holds(added("a", "x", "7"), ends("8")))
		r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"})
		expect(t, "requests", []string{"v1/namespaces/a/components watch initial", "v1/namespaces/a/components watch from 2",
			"v1beta3/namespaces/a/components watch initial"}, server.Requests)
		expect(t, "reports", []string{"begin 1 a", "end 1 a", "begin 2 a", "2 seen a/x@7", "end 2 a"}, r.recorder.said)
	})
}

func TestSource_UsesTheProxy(t *testing.T) {
	proxy := kubetest.NewServer(t, holds(ends("2")))
	r := watchServer(t, "http://kubernetes.invalid", map[string]string{"K8S_PROXY": proxy.URL, "KUBERNETES_NAMESPACE": "a"})
	expect(t, "reports", []string{"begin 1 a", "end 1 a"}, r.recorder.said)
}
