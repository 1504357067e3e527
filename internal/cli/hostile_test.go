package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"sigs.k8s.io/yaml"

	"odasync/internal/cli"
	"odasync/internal/event"
	"odasync/internal/refregistry/faults"
	"odasync/internal/store"
	"odasync/internal/target"
)

// hostile clears a terminal, sets its title, forges a row, and reverses text.
const hostile = "1.0\x1b[2J\x1b[H\x1b]0;x\a\nshop  forged  \u202e9.9\u200b\u009b2J"

// hostileShown is how people see it.
const hostileShown = `1.0\x1b[2J\x1b[H\x1b]0;x\a\nshop  forged  \u202e9.9\u200b\u009b2J`

// expectHarmless checks that nothing in the output controls a terminal or is a line of the hostile text.
func (r result) expectHarmless(t *testing.T) {
	t.Helper()
	output := r.stdout + r.stderr
	controls := func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }
	if at := strings.IndexFunc(output, controls); at >= 0 {
		t.Errorf("the output has %q:\n%q", output[at:min(at+10, len(output))], output)
	}
	if strings.Contains(output, "\nshop  forged") {
		t.Errorf("the output has a forged row:\n%s", output)
	}
}

func TestOutput_ShowsHostileTextHarmlessly(t *testing.T) {
	p := newPipeline(t)
	p.registry.SetFault(func(r *http.Request) *faults.Fault {
		if r.URL.Path != "/nothing" {
			return nil
		}
		return &faults.Fault{Status: http.StatusTeapot, Body: hostile}
	})
	c := content("shop", "catalog", hostile)
	c.DeploymentStatus, c.Labels = hostile, map[string]string{"team": hostile}
	c.ExposedAPIs[0].Name = hostile
	first := p.publish(t, content("shop", "catalog", "1"))
	newest := p.publish(t, c)
	p.record(t, target.State{Key: first.Key, Sequence: first.Sequence, Intent: newest.Sequence, Error: hostile, Ref: target.Ref{ID: hostile}, Updated: time.Now()})
	must(t, p.log.PublishSnapshot(t.Context(), event.Snapshot{ID: "1", Cluster: "default", Time: time.Now(), Unlisted: []string{hostile}}))
	p.ensureTarget(t)

	const oneLine = `1.0\x1b[2J\x1b[H\x1b]0;x\a shop forged \u202e9.9` // of what is shortened to one line anyway
	shows := func(want string, code int, args ...string) {
		t.Helper()
		r := ctl(t, args...)
		if r.code != code || !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("ctl %q: exit code %d, want %d with %q:\n%s%s", args, r.code, code, want, r.stdout, r.stderr)
		}
		if args[0] != "health" { // its lines are those of the server
			r.expectHarmless(t)
		}
	}
	shows(hostileShown, 0, "list")
	shows(hostileShown, 0, "list", "-o", "wide")
	shows(oneLine, 0, "events", "catalog")
	shows(hostileShown, 0, "events", "catalog", "-o", "wide")
	shows(hostileShown, 1, "status")
	shows(`1.0\x1b[2J\x1b[H\x1b]0;x\a`, 1, "health", "--url", p.url+"/nothing")
	shows(hostileShown, 0, "dlq", "list")
	shows(hostileShown, 0, "describe", "catalog")
	shows(hostileShown, 0, "apis")
	shows(hostileShown, 0, "trace", "catalog")
	shows("shop/catalog is not in sync", 1, "why", "catalog")
	shows(hostileShown, 0, "dlq", "list", "-o", "wide")
	shows("COMPONENTS", 0, "replay", "--all", "--dry-run")
	shows("APPLIED", 0, "replay", "--all")
	p.publish(t, content("shop", "catalog", "2"))
	shows(oneLine, 1, "diff", "--no-cluster")
	for _, args := range [][]string{{"list"}, {"list", "-o"}, {"diff"}, {"replay"}, {"events"}, {"health", "--url"}} {
		ctl(t, append(args, hostile)...).expectHarmless(t)
	}
	follow := start(t, "events", "--follow", "--since", "1h")
	follow.stopWhen(t, func() bool { return strings.Contains(follow.stdout.String(), hostileShown) }).expectHarmless(t)
}

func TestOutput_IsExactForPrograms(t *testing.T) {
	p := newPipeline(t)
	p.publish(t, content("shop", "catalog", hostile))
	for format, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal, "yaml": func(text []byte, value any) error { return yaml.Unmarshal(text, value) },
	} {
		r := ctl(t, "list", "-o", format)
		var items []cli.Item
		if err := decode([]byte(r.stdout), &items); err != nil || len(items) != 1 || items[0].Version != hostile {
			t.Errorf("%s: %+v, %v\n%s", format, items, err, r.stderr+r.stdout)
		}
		if at := strings.IndexFunc(r.stdout, func(c rune) bool { return c != '\n' && unicode.IsControl(c) }); at >= 0 {
			t.Errorf("%s has a raw control character: %q", format, r.stdout)
		}
	}
}

func TestOutput_IsPrintedInOneFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "internal", "cli", "*.go"))
	must(t, err)
	prints := regexp.MustCompile(`fmt\.Fprint\w*\([^&]|io\.WriteString|os\.Std(out|err)`)
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, "_test.go") || name == "output.go" || name == "app.go" {
			continue
		}
		text, err := os.ReadFile(file)
		must(t, err)
		if found := prints.Find(text); found != nil {
			t.Errorf("%s uses %s: call line, note or table, which escape", name, found)
		}
	}
}

// ensureTarget creates what a syncer creates, with a dead letter of hostile text.
func (p *pipeline) ensureTarget(t *testing.T) {
	t.Helper()
	_, err := p.log.EnsureConsumer(t.Context(), "default", p.url)
	must(t, err)
	conn := p.nats.Conn(t)
	letters, err := store.EnsureDeadLetters(t.Context(), conn, "default")
	must(t, err)
	_, err = store.EnsureRecords(t.Context(), conn)
	must(t, err)
	sessions, err := store.EnsureSessions(t.Context(), conn, "default")
	must(t, err)
	must(t, sessions.Close(t.Context()))
	e := event.Event{Key: key("shop", "catalog"), Sequence: 1}
	must(t, letters.Put(t.Context(), target.DeadLetter{Event: e, Target: "default", Reason: target.ClassInvalid, Detail: hostile, First: time.Now(), Last: time.Now()}))
}
