package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/logtest"
)

// told fills a pipeline with histories and returns when its first half was over.
func told(t *testing.T) (*pipeline, time.Time) {
	t.Helper()
	p := newPipeline(t)
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	key := component.Key{Cluster: "default", Namespace: "shop", Name: "catalog"}
	upsert := func(minute int, uid, version string, change func(*component.Component)) event.Event {
		c := &component.Component{Namespace: "shop", Name: "catalog", Metadata: component.Metadata{Version: version}}
		change(c)
		return event.Upserted(key, component.Observation{UID: uid, ResourceVersion: fmt.Sprint(100 + minute), Component: c, Seen: at(minute)})
	}
	orders := component.ExposedAPI{Name: "orders", Segment: component.SegmentCore}
	first := p.append(t, upsert(1, "u1", "1.0", func(*component.Component) {}), 0)
	if _, err := p.nats.NATS(t).Request(event.SnapshotSubject("default"), []byte("{}"), patience); err != nil { // its sequence is 2
		t.Fatal(err)
	}
	third := p.append(t, upsert(2, "u1", "1.1", func(c *component.Component) {
		c.DeploymentStatus, c.ExposedAPIs = "Complete", []component.ExposedAPI{orders}
	}), first.Sequence)
	half := time.Now()
	again := upsert(3, "u1", "1.1", func(c *component.Component) {
		c.DeploymentStatus, c.ExposedAPIs = "Complete", []component.ExposedAPI{orders}
	})
	again.Verify = true
	fourth := p.append(t, again, third.Sequence)
	fifth := p.append(t, event.Tombstone(key, "u1", "105", at(5)), fourth.Sequence)
	sixth := p.append(t, upsert(6, "u2", "2.0", func(*component.Component) {}), fifth.Sequence)
	p.append(t, upsert(7, "u3", "2.0", func(c *component.Component) {
		c.Labels = map[string]string{"team": "red"}
		c.Metadata.Description = "one\n" + strings.Repeat("long ", 30)
	}), sixth.Sequence)
	p.publish(t, &component.Component{Namespace: "shop", Name: "orders"})
	return p, half
}

func TestEventsForPeople(t *testing.T) {
	_, half := told(t)
	row := func(format string, minute int) string {
		return strings.Replace(format, "TT", time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC).Local().Format(time.DateTime), 1)
	}
	later := []string{
		row(`4          TT   upserted   1.1       b38a0b4e   103               yes      nothing`, 3),
		row(`5          TT   deleted    -         -          105               -        deleted`, 5),
		row(`6          TT   upserted   2.0       1b2315c7   106               -        created again`, 6),
		row(`7          TT   upserted   2.0       d7202d8c   107               -        created anew, description one long long long long long long long long long long long…, label team red`, 7),
	}
	header := `SEQUENCE   TIME                  EVENT      VERSION   HASH       RESOURCEVERSION   VERIFY   CHANGES`
	all := append([]string{
		row(`1          TT   upserted   1.0       b64a3580   101               -        first known`, 1),
		row(`3          TT   upserted   1.1       b38a0b4e   102               -        status Complete, version 1.0 -> 1.1, +api orders`, 2),
	}, later...)
	since := half.Format(time.RFC3339Nano)
	tests := map[string]struct {
		args []string
		want []string
	}{
		"all":                         {[]string{"catalog"}, append([]string{header}, all...)},
		"with its namespace":          {[]string{"catalog", "-n", "shop"}, append([]string{header}, all...)},
		"since, flags before":         {[]string{"--since", since, "--namespace=shop", "catalog"}, append([]string{header}, later...)},
		"since, flags after":          {[]string{"catalog", "--since=" + since}, append([]string{header}, later...)},
		"since before everything":     {[]string{"catalog", "--since", "7d"}, append([]string{header}, all...)},
		"since, of what came in time": {[]string{"catalog", "--since", "1h"}, append([]string{header}, all...)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ctl(t, append([]string{"events"}, test.args...)...)
			got.expect(t, 0)
			if diff := cmp.Diff(strings.Join(test.want, "\n")+"\n", got.stdout); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
			if got.stderr != "" {
				t.Errorf("stderr: %s", got.stderr)
			}
		})
	}
	wide := ctl(t, "events", "catalog", "-o", "wide")
	wide.expect(t, 0)
	for _, words := range []string{"RESOURCEVERSION   UID   VERIFY   CHANGES", "   105               u1    -        deleted", "   107               u3    -"} {
		if !strings.Contains(wide.stdout, words) {
			t.Errorf("wide lacks %q:\n%s", words, wide.stdout)
		}
	}
}

func TestEventsForMachines(t *testing.T) {
	told(t)
	got := ctl(t, "events", "catalog", "-o", "json")
	got.expect(t, 0)
	sameShape(t, "events", got.stdout)
	var events []cli.Event
	if err := json.Unmarshal([]byte(got.stdout), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != 6 {
		t.Fatalf("%d events, want 6", len(events))
	}
	want := cli.Event{
		Cluster: "default", Namespace: "shop", Name: "catalog", Sequence: 5, Time: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC),
		Event: "deleted", ResourceVersion: "105", UID: "u1", Changes: []string{"deleted"},
	}
	if diff := cmp.Diff(want, events[3]); diff != "" {
		t.Errorf("the deletion (-want +got):\n%s", diff)
	}
	if e := events[2]; !e.Verify || len(e.Hash) != 64 || e.Version != "1.1" {
		t.Errorf("the verification: %+v", e)
	}
	asYAML := ctl(t, "events", "catalog", "-o", "yaml")
	asYAML.expect(t, 0)
	if strings.Count(asYAML.stdout, "sequence: ") != 6 {
		t.Errorf("YAML:\n%s", asYAML.stdout)
	}
}

func TestEventsWhereThereAreNone(t *testing.T) {
	p, _ := told(t)
	end := time.Now().Format(time.RFC3339Nano)
	ctl(t, "events", "catalog", "--since", end).expect(t, 0, "no events since then")
	none := ctl(t, "events", "catalog", "--since", end, "-o", "json")
	none.expect(t, 0)
	if none.stdout != "[]\n" {
		t.Errorf("stdout: %s", none.stdout)
	}
	ctl(t, "events", "nobody").expect(t, 1, `no event of a component "nobody"`, "ctl list")
	ctl(t, "events", "catalog", "-n", "elsewhere").expect(t, 1, `no event of a component "catalog"`)
	p.publish(t, &component.Component{Namespace: "backoffice", Name: "catalog"})
	ctl(t, "events", "catalog").expect(t, 1, "2 components are called", "choose one with -n NAMESPACE")
	ctl(t, "events", "catalog", "-n", "backoffice").expect(t, 0)
	if _, err := p.nats.NATS(t).Request(event.Subject(component.Key{Cluster: "default", Namespace: "shop", Name: "orders"}), []byte("hello"), patience); err != nil {
		t.Fatal(err)
	}
	odd := ctl(t, "events", "orders")
	odd.expect(t, 1, "is not a component event")
	if !strings.Contains(odd.stdout, "first known") {
		t.Errorf("what can be read is not shown: %s", odd.stdout)
	}
}

// followed runs `ctl events --follow` until the test has seen what it waits for; then it is told to stop.
func followed(t *testing.T, ready func(stdout string) bool, args ...string) result {
	t.Helper()
	var stdout, stderr logtest.Buffer
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Execute(ctx, append([]string{"ctl", "events", "--follow"}, args...), &stdout, &stderr)
	}()
	eventually(t, func() error {
		if !ready(stdout.String()) {
			return fmt.Errorf("stdout: %s\nstderr: %s", stdout.String(), stderr.String())
		}
		return nil
	})
	stop()
	select {
	case code := <-ended:
		return result{code, stdout.String(), stderr.String()}
	case <-time.After(patience):
		t.Fatal("does not end when it is told to")
		return result{}
	}
}

func TestEventsFollow(t *testing.T) {
	p, half := told(t)
	since := half.Format(time.RFC3339Nano)
	t.Run("of a component, since", func(t *testing.T) {
		got := followed(t, func(out string) bool { return strings.Count(out, "\n") >= 5 }, "catalog", "--since", since)
		got.expect(t, 0)
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		if len(lines) != 5 || !strings.HasPrefix(lines[0], "NAMESPACE         NAME   ") || !strings.HasSuffix(lines[1], "yes      nothing") ||
			!strings.HasPrefix(lines[2], "shop              catalog   ") || !strings.HasSuffix(lines[2], "   deleted") {
			t.Errorf("stdout:\n%s", got.stdout)
		}
	})
	t.Run("of all, one JSON object a line", func(t *testing.T) {
		got := followed(t, func(out string) bool { return strings.Count(out, "\n") >= 5 }, "--since", since, "-o", "json")
		got.expect(t, 0)
		var names []string
		for line := range strings.Lines(got.stdout) {
			var e cli.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			names = append(names, fmt.Sprint(e.Name, " ", e.Sequence))
		}
		if diff := cmp.Diff([]string{"catalog 4", "catalog 5", "catalog 6", "catalog 7", "orders 8"}, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("of what is new alone", func(t *testing.T) {
		last := uint64(0)
		key := component.Key{Cluster: "default", Namespace: "shop", Name: "new"}
		got := followed(t, func(out string) bool {
			// Nothing says that it has begun: it is given something new until it shows it.
			last = p.append(t, event.Upserted(key, component.Observation{
				Component: &component.Component{Namespace: "shop", Name: "new", Metadata: component.Metadata{Version: fmt.Sprint(last)}}, Seen: time.Now(),
			}), last).Sequence
			return strings.Contains(out, "version: ")
		}, "-o", "yaml", "-n", "shop")
		got.expect(t, 0)
		if !strings.HasPrefix(got.stdout, "---\n") || strings.Contains(got.stdout, "name: catalog") || strings.Contains(got.stdout, "name: orders") {
			t.Errorf("stdout:\n%s", got.stdout)
		}
	})
}
