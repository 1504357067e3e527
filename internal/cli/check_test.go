package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"odasync/internal/cli"
	"odasync/internal/refregistry"
	"odasync/internal/stream/streamtest"
)

// cluster is an API server that answers what ctl test asks.
type cluster struct {
	denied    string   // verb and resource of the permission that is missing
	versions  []string // served; nil for no CRD
	noReviews bool     // nobody may ask for permissions
}

func (c cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(status int, body string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintln(w, body) // a client that has gone needs no answer
	}
	switch {
	case r.URL.Path == "/version":
		answer(http.StatusOK, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	case strings.HasSuffix(r.URL.Path, "/customresourcedefinitions/components.oda.tmforum.org") && c.versions != nil:
		var list []string
		for _, version := range c.versions {
			list = append(list, fmt.Sprintf(`{"name":%q,"served":true}`, version))
		}
		answer(http.StatusOK, `{"spec":{"versions":[`+strings.Join(list, ",")+`]}}`)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") && !c.noReviews:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		review := new(authorization.SelfSubjectAccessReview)
		if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, review); err != nil { // it comes as protobuf
			answer(http.StatusBadRequest, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no review","code":400}`)
			return
		}
		asked := review.Spec.ResourceAttributes
		answer(http.StatusCreated, fmt.Sprintf(`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{},"status":{"allowed":%v}}`,
			asked.Verb+" "+asked.Resource != c.denied))
	case c.noReviews:
		answer(http.StatusForbidden, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"not for you","code":403}`)
	default:
		answer(http.StatusNotFound, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not found","code":404}`)
	}
}

// kubeconfig makes the handler the cluster that ctl reads.
func kubeconfig(t *testing.T, address string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, path, `{"apiVersion":"v1","kind":"Config","current-context":"lab",
		"clusters":[{"name":"lab","cluster":{"server":"`+address+`"}}],
		"users":[{"name":"ada","user":{"token":"t0ken"}}],
		"contexts":[{"name":"lab","context":{"cluster":"lab","user":"ada","namespace":"shop"}}]}`)
	t.Setenv("KUBECONFIG", path)
}

// The names of the checks, and the groups that a failure makes pointless.
var (
	permissionChecks = []string{
		`kubernetes permission: get components.oda.tmforum.org in namespace "default"`,
		`kubernetes permission: list components.oda.tmforum.org in namespace "default"`,
		`kubernetes permission: watch components.oda.tmforum.org in namespace "default"`,
		`kubernetes permission: get customresourcedefinitions.apiextensions.k8s.io "components.oda.tmforum.org" cluster-wide`,
		`kubernetes permission: get leases.coordination.k8s.io "odasync-watcher" in namespace "shop"`,
		`kubernetes permission: create leases.coordination.k8s.io in namespace "shop"`,
		`kubernetes permission: update leases.coordination.k8s.io "odasync-watcher" in namespace "shop"`,
	}
	kubernetesChecks = append([]string{"kubernetes", "kubernetes crd", "kubernetes permissions"}, permissionChecks...)
	otherChecks      = []string{"nats", "nats jetstream", "nats topology", "registry", "registry auth", "registry contract"}
)

// checks maps names to status: ok but for what differs. A status of "" takes the check away.
func checks(names []string, different map[string]string) map[string]string {
	all := map[string]string{}
	for _, name := range names {
		all[name] = "ok"
	}
	for name, status := range different {
		all[name] = status
		if status == "" {
			delete(all, name)
		}
	}
	return all
}

func TestEveryCheck(t *testing.T) {
	fine := cluster{versions: []string{"v1beta3", "v1"}}
	api := func(c http.Handler) func(*testing.T) {
		return func(t *testing.T) {
			s := httptest.NewServer(c)
			t.Cleanup(s.Close)
			kubeconfig(t, s.URL)
		}
	}
	broken := func(name string, skipped ...string) map[string]string {
		different := map[string]string{name: "failed"}
		for _, other := range skipped {
			different[other] = "skipped"
		}
		return different
	}
	noPermissions := map[string]string{}
	for _, name := range permissionChecks {
		noPermissions[name] = ""
	}
	unreachable := broken("kubernetes", "kubernetes crd", "kubernetes permissions")
	unasked := broken("kubernetes permissions")
	for name, status := range noPermissions {
		unreachable[name], unasked[name] = status, status
	}

	tests := map[string]struct {
		change    func(*testing.T) // after everything is fine
		different map[string]string
		detail    string // of the failed check
		hint      string
	}{
		"all is well": {change: func(*testing.T) {}},
		"no kubeconfig": {func(t *testing.T) { t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "missing")) },
			unreachable, "no such file", "check KUBECONFIG"},
		"API server down": {func(t *testing.T) { kubeconfig(t, "http://"+nobody(t)) },
			unreachable, "connection refused", "check KUBECONFIG"},
		"no API server": {api(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>hello</html>") })),
			unreachable, "does not answer as a Kubernetes API server", "check KUBECONFIG"},
		"no CRD": {api(cluster{}), broken("kubernetes crd"), "components.oda.tmforum.org is not installed", "install the ODA Canvas CRDs"},
		"a version that is not served": {func(t *testing.T) { api(fine)(t); t.Setenv("ODA_COMPONENT_VERSION", "v1beta4") },
			broken("kubernetes crd"), "serves only v1beta3, v1", "ODA_COMPONENT_VERSION"},
		"may not watch": {api(cluster{versions: fine.versions, denied: "watch components"}),
			broken(permissionChecks[2]), "not granted", "grant get, list and watch, see deploy/rbac.yaml"},
		"may not update leases": {api(cluster{versions: fine.versions, denied: "update leases"}),
			broken(permissionChecks[6]), "not granted", "grant get, create and update, see deploy/rbac.yaml"},
		"may not ask": {api(cluster{versions: fine.versions, noReviews: true}), unasked, "", "system:basic-user"},
		"NATS down": {func(t *testing.T) { t.Setenv("NATS_URL", "nats://"+nobody(t)) },
			broken("nats", "nats jetstream", "nats topology"), "no servers available", "check NATS_URL"},
		"JetStream off": {func(t *testing.T) {
			t.Setenv("NATS_URL", streamtest.Start(t, func(o *server.Options) { o.JetStream = false }).URL())
		}, broken("nats jetstream", "nats topology"), "jetstream", "start nats-server with -js"},
		"no stream": {func(t *testing.T) { t.Setenv("NATS_URL", streamtest.Start(t).URL()) },
			broken("nats topology"), "ODA_COMPONENTS", "start the watcher"},
		"registry down": {func(t *testing.T) { t.Setenv("COMPONENT_REGISTRY_URL", "http://"+nobody(t)) },
			broken("registry", "registry auth", "registry contract"), "connection refused", "check COMPONENT_REGISTRY_URL"},
		"no key": {func(t *testing.T) { withKey(t, "") }, broken("registry auth", "registry contract"), "401", "set COMPONENT_REGISTRY_API_KEY"},
		"a wrong key": {func(t *testing.T) { withKey(t, "wr0ng") },
			broken("registry auth", "registry contract"), "401", "set COMPONENT_REGISTRY_API_KEY"},
		"the right key": {change: func(t *testing.T) { withKey(t, "s3cr3t") }},
		"no registry, all is found": {func(t *testing.T) { other(t, http.StatusOK) },
			broken("registry contract"), "", "must be the base address of a Component Registry"},
		"no registry, nothing is found": {func(t *testing.T) { other(t, http.StatusNotFound) },
			broken("registry", "registry auth", "registry contract"), "404", "check COMPONENT_REGISTRY_URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			newPipeline(t)
			api(fine)(t)
			test.change(t)
			got := ctl(t, "test", "-o", "json")
			failed := len(test.different) > 0
			if failed {
				got.expect(t, 1)
			} else {
				got.expect(t, 0)
			}
			for _, secret := range []string{"t0ken", "s3cr3t", "wr0ng"} {
				if strings.Contains(got.stdout+got.stderr, secret) {
					t.Errorf("shows a secret: %s%s", got.stdout, got.stderr)
				}
			}
			sameShape(t, "test", got.stdout)
			var report cli.Report
			if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
				t.Fatal(err)
			}
			if report.OK == failed {
				t.Errorf("ok is %v", report.OK)
			}
			have := map[string]string{}
			for _, check := range report.Checks {
				have[check.Name] = check.Status
				switch {
				case check.Status == "failed" && (!strings.Contains(check.Detail, test.detail) || !strings.Contains(check.Hint, test.hint) || check.Detail == ""):
					t.Errorf("%s failed: %q, hint %q; want %q and %q", check.Name, check.Detail, check.Hint, test.detail, test.hint)
				case check.Status != "failed" && (check.Hint != "" || check.Detail == ""):
					t.Errorf("%s is %s: %q, hint %q", check.Name, check.Status, check.Detail, check.Hint)
				}
			}
			if diff := cmp.Diff(checks(append(kubernetesChecks, otherChecks...), test.different), have); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

// withKey puts a registry that wants a key in the place of the open one.
func withKey(t *testing.T, key string) {
	t.Helper()
	s := httptest.NewServer(refregistry.New(refregistry.Config{APIKey: "s3cr3t"}).Handler())
	t.Cleanup(s.Close)
	t.Setenv("COMPONENT_REGISTRY_URL", s.URL)
	t.Setenv("COMPONENT_REGISTRY_API_KEY", key)
}

// other puts some web server in the place of the registry.
func other(t *testing.T, status int) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, "<html>hello</html>") // a client that has gone needs no answer
	}))
	t.Cleanup(s.Close)
	t.Setenv("COMPONENT_REGISTRY_URL", s.URL)
}

func TestChecksForPeople(t *testing.T) {
	newPipeline(t)
	t.Setenv("COMPONENT_REGISTRY_URL", "http://"+nobody(t))
	got := ctl(t, "test")
	got.expect(t, 1, "registry: check COMPONENT_REGISTRY_URL and that the registry runs", "kubernetes: check KUBECONFIG")
	for _, words := range []string{"CHECK", "nats topology", "stream ODA_COMPONENTS, 0 messages", "skipped", "the registry cannot be reached"} {
		if !strings.Contains(got.stdout, words) {
			t.Errorf("stdout lacks %q:\n%s", words, got.stdout)
		}
	}
}
