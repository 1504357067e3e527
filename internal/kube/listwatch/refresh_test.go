package listwatch_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"odasync/internal/kube/kubetest"
	"odasync/internal/kube/listwatch"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// A Refresh during a resync starts another one afterwards.
func TestSource_RefreshStartsAnotherResyncAfterTheCurrentOne(t *testing.T) {
	asked := make(chan struct{})
	first := func(w http.ResponseWriter, r *http.Request) {
		send(w, []map[string]any{added("a", "x", "1")})
		<-asked
		send(w, []map[string]any{ends("5")})
		<-r.Context().Done()
	}
	server := kubetest.NewServer(t, first, holds(added("a", "x", "1"), ends("6")))
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"}, func(tuning *listwatch.Tuning) {
		tuning.InitialIdle, tuning.SilentAfter = testwait.Limit, testwait.Limit
	})
	expect(t, "reports", []string{"begin 1 a", "1 seen a/x@1"}, r.recorder.said)
	r.Refresh()
	r.Refresh() // both share one resync
	close(asked)
	expect(t, "reports", []string{
		"begin 1 a", "1 seen a/x@1", "end 1 a", "begin 2 a", "2 seen a/x@1", "end 2 a",
	}, r.recorder.said)
	r.Refresh()
	testwait.Empty(t, func() string {
		if said := r.recorder.said(); len(said) != 9 || said[6] != "begin 3 a" {
			return fmt.Sprintf("no third resync: %q", said)
		}
		return ""
	})
	testcheck.NoError(t, r.State())
}

func TestSource_IdentityIsKnownBeforeTheFirstResync(t *testing.T) {
	for name, test := range map[string]struct {
		crd  kubetest.Answer
		want string
	}{
		"the uid of the CRD":            {kubetest.Serves("v1"), kubetest.CRDUID},
		"no permission to read the CRD": {kubetest.Refuses(403, "Forbidden", "no"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			started, known := make(chan *running, 1), make(chan string, 1)
			server := kubetest.NewServer(t, func(w http.ResponseWriter, r *http.Request) {
				source := <-started
				known <- source.Identity()
				holds(ends("2"))(w, r)
			})
			server.SetCRD(test.crd)
			r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a", "ODA_COMPONENT_VERSION": "v1"}, func(tuning *listwatch.Tuning) {
				tuning.SilentAfter = testwait.Limit
			})
			started <- r
			testcheck.Equal(t, "Identity when the first list is asked for", test.want, <-known)
			expect(t, "reports", []string{"begin 1 a", "end 1 a"}, r.recorder.said)
		})
	}
}

// refreshed is a source of two namespaces that has read both.
func refreshed(t *testing.T, server *kubetest.Server, pinned string) *running {
	t.Helper()
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a,b", "ODA_COMPONENT_VERSION": pinned}, func(tuning *listwatch.Tuning) {
		tuning.SilentAfter = testwait.Limit
	})
	r.settled(t, 1)
	return r
}

// settled waits until both namespaces have ended that many resyncs.
func (r *running) settled(t *testing.T, resyncs int) {
	t.Helper()
	testwait.Empty(t, func() string {
		ended := map[string]int{}
		for _, line := range r.recorder.said() {
			if fields := strings.Fields(line); fields[0] == "end" {
				ended[fields[2]]++
			}
		}
		if err := r.State(); err != nil {
			return err.Error()
		}
		if ended["a"] < resyncs || ended["b"] < resyncs {
			return fmt.Sprintf("%d resyncs of a and %d of b, want %d", ended["a"], ended["b"], resyncs)
		}
		return ""
	})
}

func TestSource_RefreshFollowsTheServedVersions(t *testing.T) {
	both := func(version string) []string {
		return []string{version + "/namespaces/a/components watch initial", version + "/namespaces/b/components watch initial"}
	}
	for name, test := range map[string]struct {
		before, after kubetest.Answer
		pinned        string
		want          string
		lookups       int // for two scopes
	}{
		"a better one":           {before: kubetest.Serves("v1beta3"), after: kubetest.Serves("v1beta3", "v1"), want: "v1", lookups: 3},
		"the end of that in use": {before: kubetest.Serves("v1beta3", "v1"), after: kubetest.Serves("v1beta3"), want: "v1beta3", lookups: 3},
		"the same":               {before: kubetest.Serves("v1beta3", "v1"), after: kubetest.Serves("v1beta3", "v1"), want: "v1", lookups: 2},
		"a better one, pinned":   {before: kubetest.Serves("v1beta3"), after: kubetest.Serves("v1beta3", "v1"), pinned: "v1beta3", want: "v1beta3", lookups: 2},
		"no answer":              {before: kubetest.Serves("v1"), after: kubetest.Refuses(503, "ServiceUnavailable", "starting"), want: "v1", lookups: 2},
		"the CRD is not there":   {before: kubetest.Serves("v1"), after: kubetest.Refuses(404, "NotFound", "not found"), want: "v1", lookups: 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := kubetest.NewServer(t, holds(ends("2")))
			server.SetCRD(test.before)
			r := refreshed(t, server, test.pinned)
			server.SetCRD(test.after)
			r.Refresh()
			r.settled(t, 2)
			requests := server.Requests()[2:]
			slices.Sort(requests)
			testcheck.Equal(t, "requests after the refresh", both(test.want), requests)
			testcheck.Equal(t, "requests for the CRD", test.lookups, server.Lookups())
		})
	}
}

// A Component whose JSON is as the observer last took it is not decoded again. One that was malformed in between is readable again
// in that resync.
func TestSource_Unchanged(t *testing.T) {
	odd := modified("a", "z", "7")
	odd["object"].(map[string]any)["spec"] = "none"
	server := kubetest.NewServer(t,
		holds(added("a", "x", "1"), added("a", "y", "1"), added("a", "z", "3"), ends("5"), odd),
		holds(added("a", "x", "1"), added("a", "y", "2"), added("a", "z", "3"), ends("9"), odd))
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"}, func(tuning *listwatch.Tuning) {
		tuning.InitialIdle, tuning.SilentAfter = testwait.Limit, testwait.Limit
	})
	first := []string{"begin 1 a", "1 seen a/x@1", "1 seen a/y@1", "1 seen a/z@3", "end 1 a", "1 malformed a/z@7"}
	expect(t, "reports", first, r.recorder.said)
	r.recorder.compare()
	r.Refresh()
	expect(t, "reports", append(first,
		"begin 2 a", "2 unchanged a/x", "2 seen a/y@2", "2 unchanged a/z", "end 2 a", "2 malformed a/z@7"), r.recorder.said)
	testwait.Empty(t, func() string {
		if lines := strings.Count(r.log.String(), "component cannot be read"); lines != 2 {
			return fmt.Sprintf("%d lines, want one for each time:\n%s", lines, r.log)
		}
		return ""
	})
}
