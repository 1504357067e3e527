package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/event"
)

// TestTerminating publishes a component that is deleted while a finalizer holds it, and another that is first known so.
func TestTerminating(t *testing.T) {
	p := newPipeline(t)
	content := func(name string, terminating bool) *component.Component {
		return &component.Component{Namespace: "shop", Name: name, DeploymentStatus: "Complete", Terminating: terminating}
	}
	before := p.publish(t, content("catalog", false))
	p.append(t, event.Upserted(before.Key, component.Observation{Component: content("catalog", true), Seen: time.Now()}), before.Sequence)
	p.publish(t, content("orders", true))
	p.publish(t, content("prices", false))

	list := ctl(t, "list")
	list.expect(t, 0)
	want := "NAMESPACE   NAME      VERSION   APIS   STATUS        REGISTRY\n" +
		"shop        catalog   -         0/0    Terminating   pending\n" +
		"shop        orders    -         0/0    Terminating   pending\n" +
		"shop        prices    -         0/0    Complete      pending\n"
	if diff := cmp.Diff(want, list.stdout); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	var items []cli.Item
	if err := json.Unmarshal([]byte(ctl(t, "list", "-o", "json").stdout), &items); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Terminating != (i.Name != "prices") || i.DeploymentStatus != "Complete" {
			t.Errorf("list -o json: %+v", i)
		}
	}

	for name, want := range map[string][]cli.Event{
		"catalog": {{Changes: []string{"first known"}}, {Terminating: true, Changes: []string{"terminating"}}},
		"orders":  {{Terminating: true, Changes: []string{"first known", "terminating"}}},
	} {
		var events []cli.Event
		if err := json.Unmarshal([]byte(ctl(t, "events", name, "-o", "json").stdout), &events); err != nil {
			t.Fatal(err)
		}
		var got []cli.Event
		for _, e := range events {
			got = append(got, cli.Event{Terminating: e.Terminating, Changes: e.Changes})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events of %s (-want +got):\n%s", name, diff)
		}
	}
	if table := ctl(t, "events", "orders").stdout; !strings.Contains(table, "first known, terminating") {
		t.Errorf("events:\n%s", table)
	}
}
