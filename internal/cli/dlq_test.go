package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/refregistry/faults"
	"odasync/internal/store"
)

// refusing makes the registry refuse components whose name begins with bad, until it is told otherwise.
func (p *pipeline) refusing(t *testing.T) (accept func()) {
	t.Helper()
	var accepts atomic.Bool
	p.registry.SetFault(func(r *http.Request) *faults.Fault {
		if accepts.Load() || r.Method != http.MethodPost || r.URL.Path != "/components/" {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte(`"name":"bad`)) {
			return nil
		}
		return &faults.Fault{Status: http.StatusUnprocessableEntity, Body: `{"detail":"the name offends the registry"}`}
	})
	return func() { accepts.Store(true) }
}

// letters returns the names that ctl dlq list prints with the arguments.
func letters(t *testing.T, args ...string) []string {
	t.Helper()
	got := ctl(t, append([]string{"dlq", "list", "-o", "name"}, args...)...)
	got.expect(t, 0)
	return strings.Fields(got.stdout)
}

func awaitLetters(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, func() error {
		if diff := cmp.Diff(want, letters(t), cmpopts.EquateEmpty()); diff != "" {
			return errors.New("dead letters (-want +got):\n" + diff)
		}
		return nil
	})
}

func TestDeadLettersAreListedRetriedAndDropped(t *testing.T) {
	p := newPipeline(t)
	accept := p.refusing(t)
	dir := t.TempDir()
	for _, name := range []string{"good", "bad-one", "bad-two"} {
		manifest(t, dir, "shop", name, "1.0.0")
	}
	manifest(t, dir, "other", "bad-one", "1.0.0")
	p.watch(t, dir)
	p.sync(t, p.url)
	p.awaitShown(t, "good 1.0.0")
	awaitLetters(t, "other/bad-one", "shop/bad-one", "shop/bad-two")

	list := ctl(t, "dlq", "list", "-n", "shop", "-o", "json")
	list.expect(t, 0)
	sameShape(t, "dead letters", list.stdout)
	var found []store.DeadLetter
	if err := json.Unmarshal([]byte(list.stdout), &found); err != nil {
		t.Fatal(err)
	}
	if d := found[0]; len(found) != 2 || d.Status != 422 || d.Reason != "rejected" || d.Detail != "the name offends the registry" || d.Attempts != 1 {
		t.Errorf("listed %+v", found)
	}
	for _, words := range []string{"bad-two", "rejected", "422", "the name offends the registry"} {
		if got := ctl(t, "dlq", "list", "-o", "wide"); !strings.Contains(got.stdout, words) {
			t.Errorf("the wide list lacks %q:\n%s", words, got.stdout)
		}
	}
	if got := letters(t, "--reason", "taken"); len(got) != 0 {
		t.Errorf("listed for another reason: %v", got)
	}
	show := ctl(t, "dlq", "show", "bad-two")
	show.expect(t, 0)
	if !strings.Contains(show.stdout, "version: 1.0.0") {
		t.Errorf("shown without its content:\n%s", show.stdout)
	}
	ctl(t, "dlq", "show", "bad-one").expect(t, 1, "2 components are called", "-n NAMESPACE")
	ctl(t, "dlq", "show", "good").expect(t, 1, `no dead letter of "good"`, "ctl dlq list")

	dry := ctl(t, "dlq", "retry", "--all", "--dry-run")
	dry.expect(t, 0)
	if want := "would retry other/bad-one (rejected)\nwould retry shop/bad-one (rejected)\nwould retry shop/bad-two (rejected)\n"; dry.stdout != want {
		t.Errorf("dry run printed %q", dry.stdout)
	}
	ctl(t, "dlq", "retry", "bad-two").expect(t, 1, "the name offends the registry", "ctl dlq retry bad-two")
	awaitLetters(t, "other/bad-one", "shop/bad-one", "shop/bad-two")

	// Its next version, or a fix on the registry's side, clears a letter.
	accept()
	manifest(t, dir, "shop", "bad-two", "2.0.0")
	awaitLetters(t, "other/bad-one", "shop/bad-one")
	ctl(t, "dlq", "retry", "bad-one", "-n", "shop").expect(t, 0)
	awaitLetters(t, "other/bad-one")

	drop := ctl(t, "dlq", "drop", "--reason", "rejected")
	drop.expect(t, 0)
	if want := "dropped other/bad-one\n"; drop.stdout != want {
		t.Errorf("drop printed %q", drop.stdout)
	}
	ctl(t, "dlq", "retry", "--all").expect(t, 0, "no dead letters")
	awaitLetters(t)
	p.awaitShown(t, "bad-one 1.0.0", "bad-two 2.0.0", "good 1.0.0")
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	p := newPipeline(t)
	ctl(t, "status").expect(t, 2, `target "default" has no consumer yet`)
	p.sync(t, p.url)
	var got result
	said := func(code int, words ...string) {
		t.Helper()
		eventually(t, func() error {
			got = ctl(t, "status")
			for _, word := range words {
				if got.code != code || !strings.Contains(got.stdout, word) {
					return errors.New("status lacks " + word + ":\n" + got.stdout + got.stderr)
				}
			}
			return nil
		})
	}
	said(1, `problem: no watcher leads cluster "default"`, "feeds default")
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.watch(t, dir)
	said(0, "leads default", "closed", "dead letters: 0", "last full sync", "last reconcile", "all is well")
	sameShape(t, "status", ctl(t, "status", "-o", "json").stdout)

	p.registry.SetFault(func(*http.Request) *faults.Fault {
		return &faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"detail":"closed for repairs"}`}
	})
	manifest(t, dir, "shop", "catalog", "2.0.0")
	said(1, "open", "closed for repairs", "circuit breaker open since")
	p.registry.SetFault(nil)
	said(0, "all is well")
	p.awaitShown(t, "catalog 2.0.0")
}
