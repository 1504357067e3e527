package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testcheck"
	"odasync/test/cluster"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestSamples syncs every sample, in the version in which it is written, with the APIs of all segments. No other test may
// use the samples' namespaces meanwhile.
func TestSamples(t *testing.T) {
	env := newEnv(t, "components", "odacompns-a")
	env.Mapping.Segments = []string{"core", "management", "security"}
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBERNETES_NAMESPACE": "components,odacompns-*"}))
	syncer := env.Start(env.SyncerSpec("syncer", map[string]string{"EXPOSED_API_SEGMENTS": "core,management,security"}))
	env.AwaitReady(watcher, syncer)
	root, err := procs.Root()
	env.Must(err)

	var all []*unstructured.Unstructured
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return all })
	walk := func(folder string) {
		t.Helper()
		for _, file := range sampleFiles(t, folder) {
			objects, err := cluster.Manifest(file)
			env.Must(err)
			for _, object := range objects {
				strip(object)
			}
			all = append(all, objects...)
			env.Applied(objects...)
		}
	}
	walk(filepath.Join(root, "deploy", "samples"))

	// The comparison above depends on a mapping; this list was written by hand from the files.
	var have []string
	for _, api := range env.Registry.Snapshot().APIs {
		have = append(have, fmt.Sprintf("%s %s %s %s", api.Component, api.Name, api.Status, api.URL))
	}
	slices.Sort(have)
	testcheck.Equal(t, "APIs of deploy/samples", wantSamples, strings.Join(have, "\n"))

	if folder := os.Getenv("ODASYNC_SHARED"); folder != "" {
		walk(filepath.Join(folder, "samples"))
	} else {
		t.Log("ODASYNC_SHARED is not set: only deploy/samples")
	}
	testcheck.Equal(t, "malformed samples", 0, env.Metric(watcher, "odasync_components_malformed_total"))
	env.Delete(all...)
	env.AwaitInSync(testenv.Timeout)
	env.awaitComponents()
}

const wantSamples = `acme-faultmanagement alarm pending http://acme-alarm-api.components.svc:8080/acme-faultmanagement/tmf-api/alarmManagement/v4
acme-faultmanagement troubleticket ready https://oda.example.org/acme-faultmanagement/tmf-api/troubleTicket/v5
acme-partymanagement metrics ready https://oda.example.org/acme-partymanagement/metrics
acme-partymanagement party ready https://oda.example.org/acme-partymanagement/tmf-api/party/v4
acme-partymanagement partyrole ready https://oda.example.org/acme-partymanagement/tmf-api/partyRoleManagement/v4
acme-productcatalog metrics ready https://oda.example.org/acme-productcatalog/metrics
acme-productcatalog productcatalogmanagement-v4 ready https://oda.example.org/acme-productcatalog/tmf-api/productCatalogManagement/v4
acme-productcatalog productcatalogmanagement-v5 ready https://oda.example.org/acme-productcatalog/tmf-api/productCatalogManagement/v5
acme-productcatalog promotionmanagement ready https://oda.example.org/acme-productcatalog/tmf-api/promotionManagement/v4
acme-productcatalog userrolesandpermissions ready https://oda.example.org/acme-productcatalog/rolesAndPermissionsManagement/v5
acme-productinventory agreement pending http://acme-agreement-api.components.svc:8080/acme-productinventory/tmf-api/agreementManagement/v4
acme-productinventory metrics pending http://acme-inventory-metrics.components.svc:4000/acme-productinventory/metrics
acme-productinventory partyrole pending http://acme-inventory-roles.components.svc:8080/acme-productinventory/tmf-api/partyRoleManagement/v4
acme-productinventory productinventory pending https://oda.example.org/acme-productinventory/tmf-api/productInventory/v4
acme-shopassistant assistant-tools pending http://acme-assistant-mcp.components.svc:8090/acme-shopassistant/mcp
acme-shopassistant recommendation pending http://acme-recommendation-api.components.svc:8080/acme-shopassistant/tmf-api/recommendationManagement/v4
zenith-billgeneration customerbillmanagement pending http://zenith-bill-api.odacompns-a.svc:8080/zenith-billgeneration/tmf-api/customerBillManagement/v4
zenith-ordercapture metrics ready https://oda.zenith.example.org/zenith-ordercapture/metrics
zenith-ordercapture productorderingmanagement ready https://oda.zenith.example.org/zenith-ordercapture/tmf-api/productOrderingManagement/v4
zenith-usage.mobile metrics ready https://oda.zenith.example.org/zenith-usage.mobile/metrics
zenith-usage.mobile usagemanagement ready https://oda.zenith.example.org/zenith-usage.mobile/tmf-api/usageManagement/v4`

// sampleFiles lists the manifests of a folder, of which there must be some.
func sampleFiles(t *testing.T, folder string) []string {
	t.Helper()
	entries := testcheck.Must(os.ReadDir(folder))
	var files []string
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); ext == ".yaml" || ext == ".json" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if len(files) == 0 {
		t.Fatalf("no samples in %s", folder)
	}
	return files
}

// strip removes what the API server sets, so that the object can be created.
func strip(object *unstructured.Unstructured) {
	if object.GetNamespace() == "" {
		object.SetNamespace("components")
	}
	for _, field := range []string{"uid", "resourceVersion", "managedFields", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
}
