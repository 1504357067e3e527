package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/logtest"
	"odasync/internal/refregistry/faults"
)

// shown lists what the registry shows, as name and version.
func (p *pipeline) shown() []string {
	var all []string
	for _, c := range p.registry.Snapshot().Components {
		all = append(all, c.Name+" "+c.Labels["component-version"])
	}
	return all
}

func (p *pipeline) awaitShown(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, func() error {
		if diff := cmp.Diff(want, p.shown()); diff != "" {
			return fmt.Errorf("registry (-want +got):\n%s", diff)
		}
		return nil
	})
}

// published waits until ctl lists the components.
func published(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, func() error {
		if diff := cmp.Diff(want, strings.Fields(ctl(t, "list", "-o", "name").stdout)); diff != "" {
			return fmt.Errorf("ctl list (-want +got):\n%s", diff)
		}
		return nil
	})
}

// verified runs a sync again while the watcher is not up to date yet, which it says.
func verified(t *testing.T, args ...string) (got result) {
	t.Helper()
	eventually(t, func() error {
		if got = ctl(t, append([]string{"sync"}, args...)...); got.code == 1 && strings.Contains(got.stderr, "not up to date") {
			return fmt.Errorf("the watcher is not up to date")
		}
		return nil
	})
	return got
}

func TestSyncMendsTheRegistry(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	manifest(t, dir, "shop", "orders", "1.0.0")
	manifest(t, dir, "other", "ledger", "1.0.0")
	p.watch(t, dir)
	p.sync(t, p.url)
	p.awaitShown(t, "catalog 1.0.0", "ledger 1.0.0", "orders 1.0.0")
	published(t, "other/ledger", "shop/catalog", "shop/orders")

	got := verified(t, "catalog", "-o", "json")
	got.expect(t, 0)
	sameShape(t, "list", got.stdout)
	var items []cli.Item
	if err := json.Unmarshal([]byte(got.stdout), &items); err != nil {
		t.Fatal(err)
	}
	if len(items) != 1 || items[0].Name != "catalog" || items[0].Registry.State != "synced" || items[0].Registry.Sequence < items[0].Sequence {
		t.Errorf("printed %+v", items)
	}

	p.remove(t, "catalog")
	p.remove(t, "ledger")
	verified(t, "catalog", "-n", "shop").expect(t, 0)
	if diff := cmp.Diff([]string{"catalog 1.0.0", "orders 1.0.0"}, p.shown()); diff != "" {
		t.Errorf("the registry after a sync of catalog (-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"of a namespace":  {[]string{"--all", "-n", "shop", "-o", "name"}, "shop/catalog\nshop/orders\n"},
		"of everything":   {[]string{"--all", "-o", "name"}, "other/ledger\nshop/catalog\nshop/orders\n"},
		"of an empty one": {[]string{"--all", "-n", "nowhere", "-o", "name"}, ""},
	}
	for _, name := range []string{"of an empty one", "of a namespace", "of everything"} {
		got := verified(t, tests[name].args...)
		got.expect(t, 0)
		if diff := cmp.Diff(tests[name].want, got.stdout); diff != "" {
			t.Errorf("sync --all %s (-want +got):\n%s", name, diff)
		}
		if mended := len(p.shown()) == 3; mended != (name == "of everything") {
			t.Errorf("after sync --all %s the registry shows %q", name, p.shown())
		}
	}
}

// remove takes an entry away behind the syncer's back.
func (p *pipeline) remove(t *testing.T, name string) {
	t.Helper()
	for _, c := range p.registry.Snapshot().Components {
		if c.Name != name {
			continue
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, fmt.Sprintf("%s/components/%d", p.url, c.ID), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // nothing is in it
		if answer.StatusCode != http.StatusNoContent {
			t.Fatalf("remove %s: %s", name, answer.Status)
		}
		return
	}
	t.Fatalf("the registry does not show %s", name)
}

func TestSyncThatFindsNothing(t *testing.T) {
	p := newPipeline(t)
	p.publish(t, &component.Component{Namespace: "shop", Name: "catalog"})
	p.publish(t, &component.Component{Namespace: "other", Name: "catalog"})
	p.publish(t, &component.Component{Namespace: "shop", Name: "orders"})
	tests := map[string]struct {
		args  []string
		words []string
	}{
		"unknown name":            {[]string{"ledger"}, []string{`no component "ledger"`, "ctl list"}},
		"not in the namespace":    {[]string{"orders", "-n", "other"}, []string{`no component "orders" in namespace "other"`, "ctl list"}},
		"in two namespaces":       {[]string{"catalog"}, []string{`2 components are called "catalog"`, "-n NAMESPACE"}},
		"no watcher":              {[]string{"orders"}, []string{`no watcher leads cluster "default"`, "start one, or set CLUSTER_NAME"}},
		"no watcher, with -n":     {[]string{"-n", "other", "catalog"}, []string{`no watcher leads cluster "default"`}},
		"no watcher, all":         {[]string{"--all"}, []string{`no watcher leads cluster "default"`}},
		"no watcher, -n and all":  {[]string{"--all", "-n", "shop"}, []string{`no watcher leads cluster "default"`}},
		"no watcher, json wanted": {[]string{"orders", "-o", "json"}, []string{`no watcher leads cluster "default"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ctl(t, append([]string{"sync"}, test.args...)...)
			got.expect(t, 1, test.words...)
			if got.stdout != "" {
				t.Errorf("stdout: %s", got.stdout)
			}
		})
	}
}

func TestSyncWhereNothingCanBeRead(t *testing.T) {
	environment(t, map[string]string{"NATS_URL": "nats://" + nobody(t)})
	ctl(t, "sync", "--all").expect(t, 2, "connect to nats", "check NATS_URL")
}

func TestSyncThatIsNotDone(t *testing.T) {
	long := strings.Repeat("n", 101)
	refuse := func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodPost && r.URL.Path == "/components/" {
			return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail":"the name is taboo"}`}
		}
		return nil
	}
	tests := map[string]struct {
		name   string
		syncer func(t *testing.T, p *pipeline)
		words  []string // on stderr
		state  string
	}{
		"no syncer": {"catalog", func(*testing.T, *pipeline) {},
			[]string{"shop/catalog: no outcome after 2s", `is a syncer of target "default" running?`}, "pending"},
		"the registry is down": {"catalog", func(t *testing.T, p *pipeline) { p.sync(t, "http://"+nobody(t)) },
			[]string{"shop/catalog: not in sync after 2s, the syncer keeps trying", "connection refused"}, "retrying"},
		"the registry refuses it": {"catalog", func(t *testing.T, p *pipeline) { p.registry.SetFault(refuse); p.sync(t, p.url) },
			[]string{"shop/catalog: the registry refuses it", "the name is taboo", "change the component"}, "failed"},
		"the name is too long": {long, func(t *testing.T, p *pipeline) { p.sync(t, p.url) },
			[]string{"shop/" + long + ": the registry refuses it", "100"}, "failed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			dir := t.TempDir()
			manifest(t, dir, "shop", test.name, "1.0.0")
			p.watch(t, dir)
			published(t, "shop/"+test.name)
			test.syncer(t, p)
			got := verified(t, test.name, "--timeout", "2s", "-o", "json")
			got.expect(t, 1, test.words...)
			var items []cli.Item
			if err := json.Unmarshal([]byte(got.stdout), &items); err != nil {
				t.Fatal(err)
			}
			if len(items) != 1 || items[0].Registry.State != test.state {
				t.Errorf("printed %s, want state %s", got.stdout, test.state)
			}
		})
	}
}

func TestSyncThatIsInterrupted(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.watch(t, dir)
	published(t, "shop/catalog")
	verified(t, "catalog", "--timeout", "1s") // the watcher answers from now on
	before, err := p.log.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	var stdout, stderr logtest.Buffer
	go func() {
		ended <- cli.Execute(ctx, []string{"ctl", "sync", "catalog", "--timeout", "1h"}, &stdout, &stderr)
	}()
	eventually(t, func() error {
		now, err := p.log.Messages(t.Context())
		if err == nil && now == before {
			err = errors.New("not published again yet")
		}
		return err
	})
	stop()
	result{<-ended, stdout.String(), stderr.String()}.expect(t, 2)
	if strings.Contains(stderr.String(), "no outcome after") {
		t.Errorf("an hour has not passed: %s", stderr.String())
	}
}
