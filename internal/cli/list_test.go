package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
)

// recorded is when everything in the sync state of these tests was recorded.
var recorded = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// listed fills a pipeline with a component in each state.
func listed(t *testing.T) *pipeline {
	t.Helper()
	p := newPipeline(t)
	one := func(namespace, name string) event.Event {
		return p.publish(t, &component.Component{
			Namespace: namespace, Name: name, DeploymentStatus: "Complete", Metadata: component.Metadata{Version: "1.2.0"},
			ExposedAPIs: []component.ExposedAPI{
				{Name: "catalog", Segment: component.SegmentCore, Ready: true}, {Name: "metrics", Segment: component.SegmentManagement},
			},
		})
	}
	synced := one("shop", "catalog")
	p.record(t, target.State{Key: synced.Key, Sequence: synced.Sequence, Outcome: target.OutcomeApplied, Hash: synced.Hash, Ref: target.Ref{ID: "3"}, Updated: recorded})
	p.publish(t, &component.Component{Namespace: "shop", Name: "new"})
	retrying := one("shop", "orders")
	p.record(t, target.State{Key: retrying.Key, Intent: retrying.Sequence, Error: "GET /labels/: connection refused", Attempts: 2, Updated: recorded})
	failed := one("back.office", "ledger")
	p.record(t, target.State{Key: failed.Key, Sequence: failed.Sequence, Outcome: target.OutcomeFailed, Error: "HTTP 422: name too long", Updated: recorded})
	for _, name := range []string{"deleted", "going"} {
		e := one("shop", name)
		gone := p.append(t, event.Tombstone(e.Key, "", "", time.Now()), e.Sequence)
		state := target.State{Key: e.Key, Sequence: gone.Sequence, Outcome: target.OutcomeDeleted, Updated: recorded}
		if name == "going" { // the registry still shows it
			state.Sequence, state.Outcome, state.Hash, state.Ref.ID = e.Sequence, target.OutcomeApplied, e.Hash, "4"
		}
		p.record(t, state)
	}
	return p
}

func TestListForPeople(t *testing.T) {
	listed(t)
	at := recorded.Local().Format(time.DateTime)
	tests := map[string]struct {
		args []string
		want string
	}{
		"table": {nil, `
NAMESPACE     NAME      VERSION   APIS   STATUS     REGISTRY
back.office   ledger    1.2.0     1/2    Complete   failed
shop          catalog   1.2.0     1/2    Complete   synced
shop          going     -         0/0    -          pending
shop          new       -         0/0    -          pending
shop          orders    1.2.0     1/2    Complete   retrying
`},
		"a namespace": {[]string{"-n", "back.office"}, `
NAMESPACE     NAME     VERSION   APIS   STATUS     REGISTRY
back.office   ledger   1.2.0     1/2    Complete   failed
`},
		"wide": {[]string{"--namespace=back.office", "-o", "wide"}, `
NAMESPACE     NAME     VERSION   APIS   STATUS     REGISTRY   SEQUENCE   ID   UPDATED               ERROR
back.office   ledger   1.2.0     1/2    Complete   failed     4          -    ` + at + `   HTTP 422: name too long
`},
		"wide, never applied": {[]string{"-n", "shop", "-o", "wide"}, `
NAMESPACE   NAME      VERSION   APIS   STATUS     REGISTRY   SEQUENCE   ID   UPDATED               ERROR
shop        catalog   1.2.0     1/2    Complete   synced     1          3    ` + at + `   -
shop        going     -         0/0    -          pending    8          4    ` + at + `   -
shop        new       -         0/0    -          pending    2          -    -                     -
shop        orders    1.2.0     1/2    Complete   retrying   3          -    ` + at + `   GET /labels/: connection refused
`},
		"name": {[]string{"-o", "name"}, "\nback.office/ledger\nshop/catalog\nshop/going\nshop/new\nshop/orders\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ctl(t, append([]string{"list"}, test.args...)...)
			got.expect(t, 0)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got.stdout); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
			if got.stderr != "" {
				t.Errorf("stderr: %s", got.stderr)
			}
		})
	}
}

func TestListForMachines(t *testing.T) {
	listed(t)
	got := ctl(t, "list", "-n", "shop", "-o", "json")
	got.expect(t, 0)
	want := `[
  {
    "cluster": "default",
    "namespace": "shop",
    "name": "catalog",
    "version": "1.2.0",
    "apis": {
      "ready": 1,
      "total": 2
    },
    "deploymentStatus": "Complete",
    "terminating": false,
    "sequence": 1,
    "registry": {
      "target": "default",
      "state": "synced",
      "sequence": 1,
      "id": "3",
      "error": "",
      "updated": "2026-01-02T03:04:05Z"
    }
  },
  {
    "cluster": "default",
    "namespace": "shop",
    "name": "going",
    "version": "",
    "apis": {
      "ready": 0,
      "total": 0
    },
    "deploymentStatus": "",
    "terminating": false,
    "sequence": 8,
    "registry": {
      "target": "default",
      "state": "pending",
      "sequence": 7,
      "id": "4",
      "error": "",
      "updated": "2026-01-02T03:04:05Z"
    }
  },
`
	if !strings.HasPrefix(got.stdout, want) {
		t.Errorf("stdout (-want +got):\n%s", cmp.Diff(want, got.stdout[:min(len(want), len(got.stdout))]))
	}
	var items []cli.Item
	if err := json.Unmarshal([]byte(got.stdout), &items); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, i := range items {
		states = append(states, fmt.Sprintf("%s %s %d %v", i.Name, i.Registry.State, i.Registry.Sequence, i.Registry.Updated != nil))
	}
	if diff := cmp.Diff([]string{"catalog synced 1 true", "going pending 7 true", "new pending 0 false", "orders retrying 0 true"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}

	asYAML := ctl(t, "list", "-n", "shop", "-o", "yaml")
	asYAML.expect(t, 0)
	back, err := yaml.YAMLToJSON([]byte(asYAML.stdout))
	if err != nil {
		t.Fatal(err)
	}
	var same []cli.Item
	if err := json.Unmarshal(back, &same); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(items, same); diff != "" {
		t.Errorf("YAML (-JSON +YAML):\n%s", diff)
	}
}

func TestListIsAsDocumented(t *testing.T) {
	p := newPipeline(t)
	e := p.publish(t, &component.Component{Namespace: "shop", Name: "catalog"})
	p.record(t, target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeApplied, Updated: recorded})
	got := ctl(t, "list", "-o", "json")
	got.expect(t, 0)
	sameShape(t, "list", got.stdout)
}

func TestListOfNothing(t *testing.T) {
	newPipeline(t)
	tests := map[string]struct{ form, stdout, stderr string }{
		"table": {"table", "", "no components\n"},
		"json":  {"json", "[]\n", ""},
		"yaml":  {"yaml", "[]\n", ""},
		"name":  {"name", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ctl(t, "list", "-o", test.form)
			if diff := cmp.Diff(result{0, test.stdout, test.stderr}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestListWhereNothingCanBeRead(t *testing.T) {
	t.Run("no stream yet", func(t *testing.T) {
		environment(t, map[string]string{"NATS_URL": streamtest.Start(t).URL()})
		ctl(t, "list").expect(t, 2, "ODA_COMPONENTS", "start the watcher")
	})
	t.Run("no sync state yet", func(t *testing.T) {
		server := streamtest.Start(t)
		if _, err := server.Conn(t).EnsureLog(t.Context()); err != nil {
			t.Fatal(err)
		}
		environment(t, map[string]string{"NATS_URL": server.URL()})
		ctl(t, "list").expect(t, 2, "start a syncer")
	})
	t.Run("NATS is down", func(t *testing.T) {
		environment(t, map[string]string{"NATS_URL": "nats://" + nobody(t)})
		ctl(t, "list").expect(t, 2, "connect to nats", "check NATS_URL")
	})
	t.Run("another cluster", func(t *testing.T) {
		listed(t)
		t.Setenv("CLUSTER_NAME", "elsewhere")
		ctl(t, "list").expect(t, 0, "no components")
	})
	t.Run("another target", func(t *testing.T) {
		listed(t)
		t.Setenv("SYNC_TARGET", "elsewhere")
		got := ctl(t, "list", "-n", "shop", "-o", "name")
		got.expect(t, 0)
		if !strings.Contains(got.stdout, "shop/deleted") { // this registry has not heard of the deletion
			t.Errorf("stdout: %s", got.stdout)
		}
	})
}
