package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

var allVersions = []string{"v1", "v1beta4", "v1beta3", "v1beta2"}

func TestComponents(t *testing.T) {
	r := start(t)
	info := r.info(1)
	if diff := cmp.Diff(allVersions, info.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	admin := client(t, info.Kubeconfig)
	watcher := client(t, info.WatcherKubeconfig)

	t.Run("written in one version, read in another", func(t *testing.T) { writtenAndRead(t, admin) })
	t.Run("odd shapes are accepted", func(t *testing.T) { oddShapes(t, admin) })
	t.Run("the watcher has the rights bound to it", func(t *testing.T) { watcherRights(t, admin, watcher) })
	before := listVersion(t, admin)
	t.Run("a restart ends old watches and keeps the data", func(t *testing.T) {
		r.signal(syscall.SIGHUP)
		restarted := r.info(2)
		if restarted.Server != info.Server || restarted.APIServerPID == info.APIServerPID {
			t.Errorf("before the restart %+v, after it %+v", info, restarted)
		}
		if !watchExpired(t, admin, before) {
			t.Error("a watch from before the restart was continued")
		}
		if _, err := listAt(admin, before); err != nil {
			t.Errorf("a list of the past: %v", err)
		}
	})
	t.Run("a compaction makes the past unreadable", func(t *testing.T) {
		r.signal(syscall.SIGUSR1)
		r.info(3)
		if _, err := listAt(admin, before); !apierrors.IsResourceExpired(err) {
			t.Errorf("a list of the past: %v, want an answer 410", err)
		}
		if n := len(names(t, admin)); n == 0 {
			t.Error("the Components are gone")
		}
	})
	t.Run("the end leaves nothing", func(t *testing.T) {
		r.signal(syscall.SIGINT)
		if code := r.exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		r.silent(info.EtcdPort, info.APIServerPort)
		for _, path := range []string{info.Dir, r.ready} {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s is still there", path)
			}
		}
		if want := filepath.Join(info.Dir, "kubeconfig") + "\n"; r.stdout.String() != want {
			t.Errorf("stdout %q, want %q", r.stdout.String(), want)
		}
	})
}

func writtenAndRead(t *testing.T, admin dynamic.Interface) {
	for i, written := range allVersions {
		read := allVersions[(i+1)%len(allVersions)]
		object := newComponent(written, "written-"+written, map[string]any{"id": "TMFC001"})
		if _, err := components(admin, written).Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Errorf("create in %s: %v", written, err)
			continue
		}
		got, err := components(admin, read).Get(t.Context(), "written-"+written, metav1.GetOptions{})
		if err != nil {
			t.Errorf("get in %s: %v", read, err)
			continue
		}
		want := map[string]any{"apiVersion": "oda.tmforum.org/" + read, "spec": map[string]any{"id": "TMFC001"}}
		if diff := cmp.Diff(want, map[string]any{"apiVersion": got.GetAPIVersion(), "spec": got.Object["spec"]}); diff != "" {
			t.Errorf("written in %s, read in %s (-want +got):\n%s", written, read, diff)
		}
	}
}

func oddShapes(t *testing.T, admin dynamic.Interface) {
	for name, spec := range map[string]any{
		"no-spec":            nil,
		"functions-as-lists": map[string]any{"managementFunction": []any{}, "coreFunction": []any{}},
		"id-without-value":   map[string]any{"componentMetadata": map[string]any{"id": nil}},
		"string-for-array":   map[string]any{"coreFunction": map[string]any{"dependentAPIs": "none"}},
		"text-for-function":  map[string]any{"securityFunction": "none"},
	} {
		object := newComponent("v1", name, spec)
		object.Object["status"] = map[string]any{"summary/status": map[string]any{"deployment_status": "Complete"}}
		got, err := components(admin, "v1").Create(t.Context(), object, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// Without a status subresource the status is written like the rest.
		if diff := cmp.Diff(object.Object["status"], got.Object["status"]); diff != "" {
			t.Errorf("%s: status (-want +got):\n%s", name, diff)
		}
	}
}

func watcherRights(t *testing.T, admin, watcher dynamic.Interface) {
	if _, err := components(watcher, "v1").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("list without rights: %v, want an answer 403", err)
	}
	create(t, admin, "roles", &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"},
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"oda.tmforum.org"}, Resources: []string{"components"}, Verbs: []string{"list"}}},
	})
	create(t, admin, "rolebindings", &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "canvas", Name: "odasync-watcher"}},
	})
	r := &running{t: t}
	r.eventually("list with a role", func() error {
		_, err := components(watcher, "v1").List(t.Context(), metav1.ListOptions{})
		return err
	})
	if err := components(watcher, "v1").Delete(t.Context(), "written-v1", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("delete with a role to list: %v, want an answer 403", err)
	}
}

func components(c dynamic.Interface, version string) dynamic.ResourceInterface {
	return c.Resource(schema.GroupVersionResource{Group: "oda.tmforum.org", Version: version, Resource: "components"}).Namespace("components")
}

func newComponent(version, name string, spec any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "oda.tmforum.org/" + version,
		"kind":       "Component",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}}
}

// create creates an object of the RBAC group in the namespace of Components.
func create(t *testing.T, c dynamic.Interface, resource string, object any) {
	t.Helper()
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Resource(rbacv1.SchemeGroupVersion.WithResource(resource)).Namespace("components").
		Create(t.Context(), &unstructured.Unstructured{Object: tree}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func listVersion(t *testing.T, c dynamic.Interface) string {
	t.Helper()
	list, err := components(c, "v1").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.GetResourceVersion()
}

func names(t *testing.T, c dynamic.Interface) []string {
	t.Helper()
	list, err := components(c, "v1beta3").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range list.Items {
		all = append(all, item.GetName())
	}
	return all
}

// listAt reads the state of one moment.
func listAt(c dynamic.Interface, resourceVersion string) (*unstructured.UnstructuredList, error) {
	return components(c, "v1").List(context.Background(), metav1.ListOptions{
		ResourceVersion: resourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
}

// watchExpired says whether a watch from that moment is refused with 410.
func watchExpired(t *testing.T, c dynamic.Interface, resourceVersion string) bool {
	t.Helper()
	seconds := int64(5)
	events, err := components(c, "v1").Watch(t.Context(), metav1.ListOptions{
		ResourceVersion: resourceVersion, TimeoutSeconds: &seconds})
	if err != nil {
		return apierrors.IsResourceExpired(err)
	}
	defer events.Stop()
	event, ok := <-events.ResultChan()
	return ok && event.Type == watch.Error && apierrors.IsResourceExpired(apierrors.FromObject(event.Object))
}
