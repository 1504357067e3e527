package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"odasync/internal/cli/check"
	"odasync/internal/natsconn"
	"odasync/internal/refregistry"
	"odasync/internal/store"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

// cluster is an API server with the endpoints that ctl test requests.
type cluster struct {
	denied    string   // verb and resource of the missing permission
	versions  []string // served; nil for no CRD
	noReviews bool     // access reviews are forbidden
	noCRD     bool     // to read the CRD is forbidden
	namespace string   // the only one; empty where to read namespaces is forbidden
}

func (c cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	respond := func(status int, body string) {
		w.WriteHeader(status)
		fmt.Fprintln(w, body)
	}
	switch {
	case r.URL.Path == "/version":
		respond(http.StatusOK, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	case strings.HasSuffix(r.URL.Path, "/customresourcedefinitions/components.oda.tmforum.org") && c.versions != nil && !c.noCRD:
		var list []string
		for _, version := range c.versions {
			list = append(list, fmt.Sprintf(`{"name":%q,"served":true}`, version))
		}
		respond(http.StatusOK, `{"spec":{"versions":[`+strings.Join(list, ",")+`]}}`)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") && !c.noReviews:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		review := new(authorization.SelfSubjectAccessReview)
		if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, review); err != nil { // the body is protobuf
			respond(http.StatusBadRequest, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no review","code":400}`)
			return
		}
		requested := review.Spec.ResourceAttributes
		respond(http.StatusCreated, fmt.Sprintf(`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{},"status":{"allowed":%v}}`,
			requested.Verb+" "+requested.Resource != c.denied))
	case strings.HasPrefix(r.URL.Path, "/api/v1/namespaces") && c.namespace == "":
		respond(http.StatusForbidden, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"forbidden","code":403}`)
	case r.URL.Path == "/api/v1/namespaces":
		respond(http.StatusOK, fmt.Sprintf(`{"kind":"NamespaceList","apiVersion":"v1","items":[{"metadata":{"name":%q}}]}`, c.namespace))
	case r.URL.Path == "/api/v1/namespaces/"+c.namespace:
		respond(http.StatusOK, fmt.Sprintf(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":%q}}`, c.namespace))
	case c.noReviews, c.noCRD:
		respond(http.StatusForbidden, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"forbidden","code":403}`)
	default:
		respond(http.StatusNotFound, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not found","code":404}`)
	}
}

// kubeconfig configures ctl for the API server at the address.
func kubeconfig(t *testing.T, address string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, path, `{"apiVersion":"v1","kind":"Config","current-context":"test",
		"clusters":[{"name":"test","cluster":{"server":"`+address+`"}}],
		"users":[{"name":"ada","user":{"token":"t0ken"}}],
		"contexts":[{"name":"test","context":{"cluster":"test","user":"ada","namespace":"shop"}}]}`)
	t.Setenv("KUBECONFIG", path)
}

// The names of the checks, in groups that depend on one check.
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
	kubernetesChecks = append([]string{"kubernetes", "kubernetes crd", "kubernetes namespaces", "kubernetes permissions"}, permissionChecks...)
	otherChecks      = []string{"nats", "nats jetstream", "nats topology", "nats settings", "nats clock", "registry writers", "registry", "registry clock", "registry api", "registry auth", "registry contract"}
)

// checks maps names to status: ok unless it is different. A check with the status "" is not run.
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

// reconciled records the result of a reconcile.
func reconciled(t *testing.T, done target.Reconciliation) {
	t.Helper()
	conn, err := natsconn.Dial(t.Context(), natsconn.Config{URL: os.Getenv("NATS_URL"), Replicas: 1}, "test", func(error) {})
	must(t, err)
	defer conn.Close()
	records, err := store.EnsureRecords(t.Context(), conn)
	must(t, err)
	done.Target, done.Cluster = "default", "default"
	must(t, records.Reconciled(t.Context(), done))
}

func TestChecks(t *testing.T) {
	fine := cluster{versions: []string{"v1beta3", "v1"}}
	api := func(c http.Handler) func(*testing.T) {
		return func(t *testing.T) { kubeconfig(t, serve(t, c)) }
	}
	broken := func(name string, skipped ...string) map[string]string {
		different := map[string]string{name: "failed"}
		for _, other := range skipped {
			different[other] = "skipped"
		}
		return different
	}
	ungranted := func(name string) map[string]string {
		return map[string]string{name: "failed", "kubernetes permissions": "failed"} // the summary is not ok above what is not
	}
	noPermissions := map[string]string{}
	for _, name := range permissionChecks {
		noPermissions[name] = ""
	}
	unreachable := broken("kubernetes", "kubernetes crd", "kubernetes namespaces", "kubernetes permissions")
	unreviewed := broken("kubernetes permissions")
	for name, status := range noPermissions {
		unreachable[name], unreviewed[name] = status, status
	}

	tests := map[string]struct {
		change    func(*testing.T) // of a working configuration
		different map[string]string
		detail    string // of the failed check
		hint      string
	}{
		"when everything works": {change: func(*testing.T) {}},
		"when there is no kubeconfig": {func(t *testing.T) { t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "missing")) },
			unreachable, "no such file", "check KUBECONFIG"},
		"when the API server is down": {func(t *testing.T) { kubeconfig(t, "http://"+unusedAddress(t)) },
			unreachable, "connection refused", "check KUBECONFIG"},
		"when another server responds": {api(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") })),
			unreachable, "does not answer as a Kubernetes API server", "check KUBECONFIG"},
		"when there is no CRD": {api(cluster{}), broken("kubernetes crd"), "is not installed: install the ODA Canvas CRDs", "follow the detail"},
		"when the version is not served": {func(t *testing.T) { api(fine)(t); t.Setenv("ODA_COMPONENT_VERSION", "v1beta4") },
			broken("kubernetes crd"), "serves only v1beta3, v1: set one of these", "follow the detail"},
		"when the CRD may not be read": {api(cluster{versions: fine.versions, noCRD: true}), broken("kubernetes crd"),
			"missing permission: get customresourcedefinitions", "follow the detail"},
		"when the namespace exists": {change: api(cluster{versions: fine.versions, namespace: "default"})},
		"when the namespace does not exist": {api(cluster{versions: fine.versions, namespace: "shop"}), broken("kubernetes namespaces"),
			"KUBERNETES_NAMESPACE is default, and the cluster has no namespace default", "correct KUBERNETES_NAMESPACE"},
		"when watch is not granted": {api(cluster{versions: fine.versions, denied: "watch components"}),
			ungranted(permissionChecks[2]), "not granted", "grant"},
		"when update of leases is not granted": {api(cluster{versions: fine.versions, denied: "update leases"}),
			ungranted(permissionChecks[6]), "not granted", "grant"},
		"when access reviews are forbidden": {api(cluster{versions: fine.versions, noReviews: true}), unreviewed, "", "system:basic-user"},
		"when NATS is down": {func(t *testing.T) { t.Setenv("NATS_URL", "nats://"+unusedAddress(t)) },
			broken("nats", "nats jetstream", "nats topology", "nats settings", "nats clock", "registry writers"), "no servers available", "check NATS_URL"},
		"when JetStream is disabled": {func(t *testing.T) {
			t.Setenv("NATS_URL", streamtest.Start(t, func(o *server.Options) { o.JetStream = false }).URL())
		}, broken("nats jetstream", "nats topology", "nats settings", "nats clock", "registry writers"), "jetstream", "start nats-server 2.11 or newer with -js"},
		"when there is no stream": {func(t *testing.T) { t.Setenv("NATS_URL", streamtest.Start(t).URL()) },
			broken("nats topology", "nats settings", "nats clock", "registry writers"), "ODA_COMPONENTS", "start the watcher"},
		"when another program writes the entries": {func(t *testing.T) { reconciled(t, target.Reconciliation{Overwritten: 2}) },
			broken("registry writers"), "2 entries that another program had written over", "canvasResourceInventory"},
		"when no other program does": {change: func(t *testing.T) { reconciled(t, target.Reconciliation{}) }},
		"when the registry is down": {func(t *testing.T) { t.Setenv("COMPONENT_REGISTRY_URL", "http://"+unusedAddress(t)) },
			broken("registry", "registry clock", "registry api", "registry auth", "registry contract"), "connection refused", "check COMPONENT_REGISTRY_URL"},
		"when there is no key": {func(t *testing.T) { withKey(t, "") }, broken("registry auth", "registry contract"), "401", "set COMPONENT_REGISTRY_API_KEY"},
		"when the key is wrong": {func(t *testing.T) { withKey(t, "wr0ng") },
			broken("registry auth", "registry contract"), "401", "set COMPONENT_REGISTRY_API_KEY"},
		"when the key is right": {change: func(t *testing.T) { withKey(t, "s3cr3t") }},
		"when a web server responds with 200": {func(t *testing.T) { other(t, http.StatusOK) },
			broken("registry", "registry clock", "registry api", "registry auth", "registry contract"), "COMPONENT_REGISTRY_API to v1 or tmf639", "check COMPONENT_REGISTRY_URL"},
		"when it does so and the API is set": {func(t *testing.T) { other(t, http.StatusOK); t.Setenv("COMPONENT_REGISTRY_API", "v1") },
			broken("registry contract"), "", "the base address of a Component Registry"},
		"when the registry has another API": {func(t *testing.T) {
			_, url := newRegistry(t, refregistry.Config{API: refregistry.TMF639, Name: "canvas"})
			t.Setenv("COMPONENT_REGISTRY_URL", url)
			t.Setenv("COMPONENT_REGISTRY_API", "v1")
		}, broken("registry api", "registry auth", "registry contract"), `the service is a tmf639 registry named "canvas", COMPONENT_REGISTRY_API is v1`, "set COMPONENT_REGISTRY_API to auto"},
		"when a web server responds with 404": {func(t *testing.T) { other(t, http.StatusNotFound) },
			broken("registry", "registry clock", "registry api", "registry auth", "registry contract"), "404", "check COMPONENT_REGISTRY_URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			newPipeline(t)
			api(fine)(t)
			test.change(t)
			got := ctl(t, "test", "-o", "json")
			failed := len(test.different) > 0
			code := 0
			switch {
			case test.different["kubernetes"] == "failed", test.different["nats"] == "failed", test.different["registry"] == "failed",
				test.different["registry auth"] == "failed":
				code = 2
			case failed:
				code = 1
			}
			got.expect(t, code)
			for _, secret := range []string{"t0ken", "s3cr3t", "wr0ng"} {
				if strings.Contains(got.stdout+got.stderr, secret) {
					t.Errorf("prints a secret: %s%s", got.stdout, got.stderr)
				}
			}
			expectShape(t, "test", got.stdout)
			var report check.Report
			got.decode(t, &report)
			if report.OK == failed {
				t.Errorf("ok is %v", report.OK)
			}
			have := map[string]string{}
			for _, c := range report.Checks {
				have[c.Name] = c.Status
				switch {
				case c.Status == "failed" && (!strings.Contains(c.Detail, test.detail) || !strings.Contains(c.Hint, test.hint) || c.Detail == ""):
					t.Errorf("%s failed: %q, hint %q; want %q and %q", c.Name, c.Detail, c.Hint, test.detail, test.hint)
				case c.Status != "failed" && (c.Hint != "" || c.Detail == ""):
					t.Errorf("%s is %s: %q, hint %q", c.Name, c.Status, c.Detail, c.Hint)
				}
			}
			if diff := cmp.Diff(checks(append(kubernetesChecks, otherChecks...), test.different), have); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

// withKey replaces the registry by one that needs a key.
func withKey(t *testing.T, key string) {
	t.Helper()
	_, url := newRegistry(t, refregistry.Config{APIKey: "s3cr3t"})
	t.Setenv("COMPONENT_REGISTRY_URL", url)
	t.Setenv("COMPONENT_REGISTRY_API_KEY", key)
}

// other replaces the registry by another web server.
func other(t *testing.T, status int) {
	t.Helper()
	t.Setenv("COMPONENT_REGISTRY_URL", serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "<html>hello</html>")
	})))
}

func TestChecks_Namespaces(t *testing.T) {
	for configured, missing := range map[string]string{
		"shop": "", "sh*": "", "all": "", "shop,nosuchns": "nosuchns", "no*,sh*,gone": "gone, no*",
	} {
		t.Run(configured, func(t *testing.T) {
			newPipeline(t)
			kubeconfig(t, serve(t, cluster{versions: []string{"v1"}, namespace: "shop"}))
			t.Setenv("KUBERNETES_NAMESPACE", configured)
			var report check.Report
			ctl(t, "test", "-o", "json").decode(t, &report)
			for _, c := range report.Checks {
				if c.Name != "kubernetes namespaces" {
					continue
				}
				if (c.Status == "failed") != (missing != "") || missing != "" && !strings.HasSuffix(c.Detail, "no namespace "+missing) {
					t.Errorf("%s: %s, want missing %q", c.Status, c.Detail, missing)
				}
				return
			}
			t.Error("the check is not run")
		})
	}
}
