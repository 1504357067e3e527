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

// withAPI is a Component that exposes the API orders.
func withAPI(namespace, name, version string) map[string]any {
	c := kubetest.Object(namespace, name, version)
	c["spec"].(map[string]any)["coreFunction"] = map[string]any{"exposedAPIs": []any{map[string]any{"name": "orders"}}}
	return c
}

// exposedAPI is the event of the ExposedAPI object of that API.
func exposedAPI(kind, namespace, owner, version, url string, ready bool) map[string]any {
	meta := map[string]any{"namespace": namespace, "name": owner + "-orders", "resourceVersion": version}
	if owner != "foreign" {
		meta["labels"] = map[string]any{"oda.tmforum.org/componentName": owner}
	}
	return map[string]any{"type": kind, "object": map[string]any{
		"apiVersion": "oda.tmforum.org/v1", "kind": "ExposedAPI", "metadata": meta, "spec": map[string]any{"name": "orders", "segment": "coreFunction"},
		"status": map[string]any{"apiStatus": map[string]any{"url": url}, "implementation": map[string]any{"ready": ready}},
	}}
}

// twoResources routes the requests for ExposedAPIs, for Components, and for one Component. Each takes one answer after the
// other, and the last one again and again.
func twoResources(apis, components, one []kubetest.Answer) kubetest.Answer {
	next := func(answers []kubetest.Answer) kubetest.Answer {
		queue := make(chan kubetest.Answer, len(answers))
		for _, a := range answers {
			queue <- a
		}
		return func(w http.ResponseWriter, r *http.Request) {
			a := <-queue
			if len(queue) == 0 {
				queue <- a
			}
			a(w, r)
		}
	}
	toAPIs, toComponents, toOne := next(apis), next(components), next(one)
	return func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/exposedapis"):
			toAPIs(w, r)
		case strings.HasSuffix(path, "/components"):
			toComponents(w, r)
		default:
			toOne(w, r)
		}
	}
}

// steps sends the events one by one, each when the channel has a value.
func steps(first []map[string]any, step <-chan struct{}, events ...map[string]any) kubetest.Answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, first)
		for _, event := range events {
			select {
			case <-step:
				send(w, []map[string]any{event})
			case <-r.Context().Done():
				return
			}
		}
		<-r.Context().Done()
	}
}

func initial(objects ...map[string]any) []map[string]any {
	var events []map[string]any
	for _, object := range objects {
		events = append(events, map[string]any{"type": "ADDED", "object": object})
	}
	return append(events, ends("50"))
}

func watchAPIs(t *testing.T, server, namespaces string) *running {
	t.Helper()
	return watchServer(t, server, map[string]string{"KUBERNETES_NAMESPACE": namespaces, "WATCH_EXPOSED_APIS": "true"}, func(tuning *listwatch.Tuning) {
		tuning.InitialIdle, tuning.SilentAfter = testwait.Limit, testwait.Limit
	})
}

func TestSource_FoldsInExposedAPIs(t *testing.T) {
	for _, scope := range []string{"a", "a*"} {
		t.Run(scope, func(t *testing.T) {
			step := make(chan struct{})
			apis := steps([]map[string]any{
				exposedAPI("ADDED", "a", "x", "1", "http://1", false), exposedAPI("ADDED", "b", "x", "2", "http://other", true), ends("9"),
			}, step,
				exposedAPI("MODIFIED", "a", "x", "10", "http://1", false), // which says nothing new
				exposedAPI("MODIFIED", "a", "x", "11", "http://2", true),
				exposedAPI("ADDED", "a", "absent", "12", "http://absent", true),
				exposedAPI("ADDED", "a", "foreign", "13", "http://foreign", true),
				exposedAPI("DELETED", "a", "x", "14", "http://2", true),
			)
			notFound := kubetest.Refuses(404, "NotFound", `components.oda.tmforum.org "absent" not found`)
			server := kubetest.NewServer(t, twoResources([]kubetest.Answer{apis}, []kubetest.Answer{holds(initial(withAPI("a", "x", "3"))...)},
				[]kubetest.Answer{kubetest.Body(withAPI("a", "x", "20")), notFound, kubetest.Body(withAPI("a", "x", "21"))}))
			r := watchAPIs(t, server.URL, scope)
			reports := []string{"begin 1 " + scope, "1 seen a/x@3 x-orders http://1 false", "end 1 " + scope}
			expect(t, "the first resync", reports, r.recorder.said)
			for range 5 {
				step <- struct{}{}
			}
			reports = append(reports, "1 seen a/x@20 x-orders http://2 true", "1 seen a/x@21 x-orders  false")
			expect(t, "changes of the objects", reports, r.recorder.said)
			where := map[string]string{"a": "v1/namespaces/a/", "a*": "v1/"}[scope]
			want := []string{
				where + "exposedapis watch initial", where + "components watch initial",
				"v1/namespaces/a/components/x list", "v1/namespaces/a/components/absent list", "v1/namespaces/a/components/x list",
			}
			testcheck.Equal(t, "requests", want, server.Requests())
			testcheck.NoError(t, r.State())
		})
	}
}

// An object that is gone when the watch reads everything again takes what it said with it, but not the API.
func TestSource_ForgetsExposedAPIsThatAResyncLacks(t *testing.T) {
	server := kubetest.NewServer(t, twoResources(
		[]kubetest.Answer{
			closes(exposedAPI("ADDED", "a", "x", "1", "http://1", true), ends("9")), kubetest.Refuses(410, "Expired", "too old resource version"), holds(ends("20")),
		},
		[]kubetest.Answer{holds(initial(withAPI("a", "x", "3"))...)}, []kubetest.Answer{kubetest.Body(withAPI("a", "x", "3"))}))
	r := watchAPIs(t, server.URL, "a")
	testwait.Empty(t, func() string {
		said := r.recorder.said()
		if len(said) == 0 || !strings.HasSuffix(said[len(said)-1], "a/x@3 x-orders  false") && said[len(said)-1] != "end 1 a" {
			return fmt.Sprintf("reports: %q", said)
		}
		if slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "gone") }) {
			t.Fatalf("a Component was reported as deleted: %q", said)
		}
		if !slices.Contains(said, "1 seen a/x@3 x-orders  false") {
			return fmt.Sprintf("the object still counts: %q", said)
		}
		return ""
	})
}

// A Component that cannot be read after its object has changed is read later.
func TestSource_ReadsTheComponentAgainAfterAFailure(t *testing.T) {
	step := make(chan struct{})
	change := exposedAPI("MODIFIED", "a", "x", "11", "http://2", true)
	server := kubetest.NewServer(t, twoResources(
		[]kubetest.Answer{steps([]map[string]any{exposedAPI("ADDED", "a", "x", "1", "http://1", true), ends("9")}, step, change), holds(change)},
		[]kubetest.Answer{holds(initial(withAPI("a", "x", "3"))...)},
		[]kubetest.Answer{kubetest.Refuses(500, "InternalError", "etcd is away"), kubetest.Body(withAPI("a", "x", "20"))}))
	r := watchAPIs(t, server.URL, "a")
	expect(t, "the first resync", []string{"begin 1 a", "1 seen a/x@3 x-orders http://1 true", "end 1 a"}, r.recorder.said)
	step <- struct{}{}
	expect(t, "reports", []string{"begin 1 a", "1 seen a/x@3 x-orders http://1 true", "end 1 a", "1 seen a/x@20 x-orders http://2 true"}, r.recorder.said)
	if !slices.Contains(server.Requests(), "v1/namespaces/a/exposedapis watch from 9") {
		t.Errorf("the change was not asked for again: %q", server.Requests())
	}
	r.logsOnce(t, "etcd is away")
}

// ExposedAPIs that cannot be read are a problem, which stops no Component.
func TestSource_ReportsComponentsWithoutExposedAPIs(t *testing.T) {
	for name, test := range map[string]struct {
		answer kubetest.Answer
		want   string
	}{
		"forbidden": {kubetest.Refuses(403, "Forbidden", "no"),
			`ExposedAPIs of namespace a: missing permission: watch exposedapis.oda.tmforum.org in namespace "a": grant list and watch`},
		"not installed": {kubetest.Refuses(404, "NotFound", "the server could not find the requested resource"),
			"ExposedAPIs of namespace a: the API server does not serve exposedapis.oda.tmforum.org"},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := make(chan struct{})
			apis := func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-allowed:
					holds(exposedAPI("ADDED", "a", "x", "1", "http://1", true), ends("9"))(w, r)
				default:
					test.answer(w, r)
				}
			}
			server := kubetest.NewServer(t, twoResources([]kubetest.Answer{apis}, []kubetest.Answer{holds(initial(withAPI("a", "x", "3"))...)}, []kubetest.Answer{kubetest.Body(withAPI("a", "x", "3"))}))
			r := watchAPIs(t, server.URL, "a")
			reports := []string{"begin 1 a", "1 seen a/x@3 x-orders  false", "end 1 a"}
			expect(t, "reports without permission", reports, r.recorder.said)
			r.awaitState(t, test.want)
			close(allowed)
			expect(t, "reports with permission", append(reports, "1 seen a/x@3 x-orders http://1 true"), r.recorder.said)
			testwait.NoError(t, "State", r.State)
		})
	}
}

func TestComponents_WithExposedAPIs(t *testing.T) {
	t.Parallel()
	apis := kubetest.Pages("7", "", exposedAPI("", "a", "x", "1", "http://1", true)["object"].(map[string]any))
	for name, test := range map[string]struct{ component, want string }{
		"all":  {"", "v1/namespaces/a/exposedapis list 500, v1/namespaces/a/components list 500"},
		"one":  {"x", "v1/namespaces/a/exposedapis list 500 oda.tmforum.org/componentName=x, v1/namespaces/a/components/x list"},
		"none": {strings.Repeat("n", 64), "v1/namespaces/a/exposedapis list 500, v1/namespaces/a/components/" + strings.Repeat("n", 64) + " list"},
	} {
		t.Run(name, func(t *testing.T) {
			server := kubetest.NewServer(t, twoResources([]kubetest.Answer{apis}, []kubetest.Answer{kubetest.Pages("7", "", withAPI("a", "x", "3"))}, []kubetest.Answer{kubetest.Body(withAPI("a", "x", "3"))}))
			client := kubetest.NewClient(t, kubetest.Configure(t, server.URL, map[string]string{"WATCH_EXPOSED_APIS": "true"}))
			got, err := listwatch.Components(t.Context(), client, kubetest.Scope(t, "a"), test.component)
			testcheck.NoError(t, err)
			for _, seen := range got {
				if api := seen.Component.ExposedAPIs[0]; api.URL != "http://1" || !api.Ready {
					t.Errorf("the API is %+v", api)
				}
			}
			if len(got) == 0 && name != "none" {
				t.Error("no Component")
			}
			testcheck.Equal(t, "requests", test.want, strings.Join(server.Requests(), ", "))
		})
	}
	t.Run("forbidden", func(t *testing.T) {
		server := kubetest.NewServer(t, twoResources([]kubetest.Answer{kubetest.Refuses(403, "Forbidden", "no")}, []kubetest.Answer{kubetest.Pages("7", "")}, []kubetest.Answer{kubetest.Pages("7", "")}))
		_, err := listwatch.Components(t.Context(), kubetest.NewClient(t, kubetest.Configure(t, server.URL, map[string]string{"WATCH_EXPOSED_APIS": "true"})), kubetest.Scope(t, "a"), "")
		if wrong := kubetest.Missing(fmt.Sprint(err), `read ExposedAPIs of namespace a from `+server.URL+`: missing permission: list exposedapis.oda.tmforum.org in namespace "a"`); wrong != "" {
			t.Error(wrong)
		}
	})
}
