package kube_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/kube/kubetest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/test/cluster"
)

func admin(extra ...string) map[string]string {
	env := map[string]string{"KUBECONFIG": shared.Kubeconfig, "KUBERNETES_NAMESPACE": "components"}
	for i := 0; i < len(extra); i += 2 {
		env[extra[i]] = extra[i+1]
	}
	return env
}

// awaitAgreement waits until the observed state equals the cluster's, and the source is ready.
func (s *source) awaitAgreement(t testing.TB, namespaces ...string) {
	t.Helper()
	want := clusterState(t, namespaces...)
	testwait.Empty(t, func() string {
		if err := s.State(); err != nil {
			return err.Error()
		}
		return cmp.Diff(want, s.view.all())
	})
}

func TestSource_ReportsChangesAtOnce(t *testing.T) {
	apply(t, "components", "1", "x", "y")
	s := watch(t, admin())
	s.awaitAgreement(t, "components")
	apply(t, "components", "1", "z")
	apply(t, "components", "2", "x")
	remove(t, "components", "y")
	changed := time.Now()
	s.awaitAgreement(t, "components")
	testcheck.AtMost(t, "time", time.Second, time.Since(changed))
	testcheck.Equal(t, "rounds", 1, s.view.rounds())
}

func TestSource_EveryVersion(t *testing.T) {
	apply(t, "components", "1", "x")
	for _, version := range []string{"", "v1", "v1beta4", "v1beta3", "v1beta2"} {
		t.Run(version, func(t *testing.T) {
			s := watch(t, admin("ODA_COMPONENT_VERSION", version))
			s.awaitAgreement(t, "components")
			if wrong := kubetest.Missing(s.log.String(), fmt.Sprintf(`"version":%q`, max(version, "v1"))); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func TestSource_Scopes(t *testing.T) {
	apply(t, "odacompns-a", "1", "x")
	apply(t, "odacompns-b", "1", "x")
	apply(t, "components", "1", "x")
	for scope, namespaces := range map[string][]string{
		"odacompns-*":             {"odacompns-a", "odacompns-b"},
		"odacompns-a,components":  {"odacompns-a", "components"},
		"all":                     {"odacompns-a", "odacompns-b", "components"},
		"components,no-such-name": {"components"},
	} {
		t.Run(scope, func(t *testing.T) {
			s := watch(t, admin("KUBERNETES_NAMESPACE", scope))
			s.awaitAgreement(t, namespaces...)
			apply(t, "odacompns-a", "2", "x")
			apply(t, "components", "2", "x")
			s.awaitAgreement(t, namespaces...)
		})
	}
}

func TestSource_ServerTimeout(t *testing.T) {
	apply(t, "components", "1", "x")
	n := newUnreliableProxy(t)
	n.change = func(query url.Values) { query.Set("timeoutSeconds", "1") }
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig)))
	s.awaitAgreement(t, "components")
	for version := range 4 {
		apply(t, "components", fmt.Sprint(version), "x")
		s.awaitAgreement(t, "components")
		before := n.count()
		testwait.Empty(t, func() string { // the next change arrives in another watch
			if n.count() == before {
				return "the watch continues beyond its timeout"
			}
			return ""
		})
	}
	if s.view.rounds() != 1 || strings.Contains(s.log.String(), "not watching") {
		t.Errorf("%d rounds, log:\n%s", s.view.rounds(), s.log)
	}
}

func TestSource_ServerRestart(t *testing.T) {
	apply(t, "components", "1", "x", "y")
	s := watch(t, admin())
	s.awaitAgreement(t, "components")
	for name, restart := range map[string]func() error{"restart": shared.Restart, "compaction": shared.Compact} {
		t.Run(name, func(t *testing.T) {
			testcheck.NoError(t, restart())
			apply(t, "components", name, "x")
			s.awaitAgreement(t, "components")
			testwait.Empty(t, func() string { return kubetest.Missing(s.log.String(), "watching again") })
		})
	}
}

func TestSource_ExpiredHistory(t *testing.T) {
	apply(t, "components", "1", "x", "y", "z")
	n := newUnreliableProxy(t)
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig)))
	s.awaitAgreement(t, "components")
	n.cut(true)
	testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(s.State()), "API server unreachable: ") })
	remove(t, "components", "y")
	apply(t, "components", "2", "x")
	remove(t, "components", "z") // and again, as another object
	apply(t, "components", "3", "z")
	testcheck.NoError(t, shared.Compact())
	deleted := s.view.deleted
	n.cut(false)
	s.awaitAgreement(t, "components")
	if s.view.deleted != deleted || s.view.rounds() != 2 {
		t.Errorf("%d explicit deletions, %d rounds: the history had not expired", s.view.deleted-deleted, s.view.rounds())
	}
}

func TestSource_SilentConnection(t *testing.T) {
	apply(t, "components", "1", "x")
	n := newUnreliableProxy(t)
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig)))
	s.awaitAgreement(t, "components")
	n.freeze(true)
	apply(t, "components", "2", "x")
	testwait.Empty(t, func() string { return kubetest.Missing(fmt.Sprint(s.State()), "no event and no bookmark for too long") })
	n.freeze(false)
	s.awaitAgreement(t, "components")
}

// TestSource_ServerRestoredFromBackup asks for a resourceVersion that the server has not reached.
func TestSource_ServerRestoredFromBackup(t *testing.T) {
	apply(t, "components", "1", "x")
	n := newUnreliableProxy(t)
	n.change = func(query url.Values) {
		if query.Has("resourceVersion") {
			query.Set("resourceVersion", "99999999")
		}
	}
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig), "KUBERNETES_WATCH_TIMEOUT", "1s"))
	s.awaitAgreement(t, "components")
	n.cut(false)
	testwait.Empty(t, func() string { return n.asked("resourceVersion", "99999999") })
	apply(t, "components", "2", "x") // without an event
	s.awaitAgreement(t, "components")
	if s.view.rounds() < 2 {
		t.Error("no new round")
	}
}

func TestSource_WithoutStreamedLists(t *testing.T) {
	var names []string
	for i := range 45 { // three pages
		names = append(names, fmt.Sprintf("x%02d", i))
	}
	apply(t, "components", "1", names...)
	tests := map[string]func(url.Values){
		"the parameters get lost": func(query url.Values) {
			query.Del("sendInitialEvents")
			query.Del("resourceVersionMatch")
			query.Del("allowWatchBookmarks") // without them, the end of the initial events is unknown
		},
		"refused": refuseStreams,
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			n := newUnreliableProxy(t)
			n.change = change
			s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig)))
			s.awaitAgreement(t, "components")
			if wrong := n.asked("limit", "20"); wrong != "" {
				t.Error(wrong)
			}
			apply(t, "components", name, "x00")
			s.awaitAgreement(t, "components")
			testcheck.NoError(t, shared.Compact())
			apply(t, "components", name+" again", "x00")
			s.awaitAgreement(t, "components")
		})
	}
}

// refuseStreams makes the API server refuse streamed lists.
func refuseStreams(query url.Values) {
	if query.Has("sendInitialEvents") {
		query.Set("resourceVersionMatch", "Exact") // not with initial events
	}
}

func TestSource_ServerWithoutStreamedLists(t *testing.T) {
	old := cluster.Start(t, "--versions=v1", "--apiserver-arg=--feature-gates=WatchList=false")
	object := cluster.Component("components", "x", "1")
	testcheck.NoError(t, old.Apply(t.Context(), object))
	s := watch(t, map[string]string{"KUBECONFIG": old.Kubeconfig, "KUBERNETES_NAMESPACE": "components"})
	want := map[string]string{"components/x": "1"}
	testwait.Empty(t, func() string { return cmp.Diff(want, s.view.all()) })
	if wrong := kubetest.Missing(s.log.String(), "reading in pages"); wrong != "" {
		t.Error(wrong)
	}
	testcheck.NoError(t, old.Delete(t.Context(), object))
	testwait.Empty(t, func() string { return cmp.Diff(map[string]string{}, s.view.all()) })
}

// TestSource_UnreliableNetwork interrupts connections at random: in the end the observed state equals the cluster's.
func TestSource_UnreliableNetwork(t *testing.T) {
	n := newUnreliableProxy(t)
	s := watch(t, admin("KUBECONFIG", n.kubeconfig(t, shared.Kubeconfig), "KUBERNETES_NAMESPACE", "components,odacompns-*"))
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 400 {
		namespace := []string{"components", "odacompns-a", "odacompns-b"}[random.IntN(3)]
		name := fmt.Sprintf("x%d", random.IntN(20))
		if random.IntN(3) == 0 {
			remove(t, namespace, name)
		} else {
			apply(t, namespace, fmt.Sprint(step), name)
		}
		switch random.IntN(40) {
		case 0:
			n.cut(false)
		case 1:
			n.cut(true)
		case 2:
			n.cut(false)
		case 3:
			n.freeze(true)
		case 4:
			n.freeze(false)
		}
	}
	n.freeze(false)
	n.cut(false)
	s.awaitAgreement(t, "components", "odacompns-a", "odacompns-b")
}
