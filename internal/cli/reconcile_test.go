package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/target"
)

// reconciled runs a reconcile and reads what it printed.
func reconciled(t *testing.T, code int, args ...string) (result, target.Reconciliation) {
	t.Helper()
	got := ctl(t, append([]string{"reconcile", "-o", "json"}, args...)...)
	got.expect(t, code)
	var done target.Reconciliation
	if err := json.Unmarshal([]byte(got.stdout), &done); err != nil {
		t.Fatalf("no reconciliation: %v\n%s", err, got.stdout)
	}
	return got, done
}

// settled waits until ctl status shows that nothing is on its way.
func settled(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		var status cli.Status
		if err := json.Unmarshal([]byte(ctl(t, "status", "-o", "json").stdout), &status); err != nil {
			return err
		}
		if status.Pending > 0 || status.AckPending > 0 {
			return fmt.Errorf("%d messages wait, %d are in hand", status.Pending, status.AckPending)
		}
		return nil
	})
}

func TestReconcile(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	manifest(t, dir, "shop", "orders", "1.0.0")
	p.watch(t, dir)
	p.sync(t, p.url)
	p.awaitShown(t, "catalog 1.0.0", "orders 1.0.0")
	settled(t)

	got, done := reconciled(t, 0)
	sameShape(t, "reconcile", got.stdout)
	if done.Desired != 2 || done.Entries != 2 || len(done.Findings) != 0 || done.DryRun || done.Cluster != "default" || done.Target != "default" {
		t.Errorf("printed %+v", done)
	}
	p.remove(t, "catalog")
	if _, done = reconciled(t, 0, "--dry-run"); done.Missing != 1 || done.Repaired != 0 || !done.DryRun || len(done.Findings) != 1 {
		t.Errorf("a dry run printed %+v", done)
	}
	if got := p.shown(); len(got) != 1 {
		t.Errorf("after a dry run the registry shows %q", got)
	}
	table := ctl(t, "reconcile", "--dry-run")
	table.expect(t, 0)
	for _, words := range []string{"found: 1 missing", "dry run: nothing was changed", "default/shop/catalog", "missing"} {
		if !strings.Contains(table.stdout, words) {
			t.Errorf("stdout lacks %q:\n%s", words, table.stdout)
		}
	}
	if _, done = reconciled(t, 0); done.Missing != 1 || done.Repaired != 1 || done.Findings[0].Outcome != "repaired" {
		t.Errorf("printed %+v", done)
	}
	p.awaitShown(t, "catalog 1.0.0", "orders 1.0.0")

	p.remove(t, "orders") // sync --all compares both ways at once
	verified(t, "--all").expect(t, 0)
	p.awaitShown(t, "catalog 1.0.0", "orders 1.0.0")
	ctl(t, "reconcile", "--approve", "bogus").expect(t, 1, `nothing waits for an approval under "bogus"`, "ctl status")
}

func TestReconcileWithoutASyncer(t *testing.T) {
	p := newPipeline(t)
	p.watch(t, t.TempDir())
	eventually(t, func() error {
		if got := ctl(t, "reconcile"); !strings.Contains(got.stderr, `no syncer of target "default" runs: start one, or set SYNC_TARGET`) || got.code != 1 {
			return errors.New(got.stderr)
		}
		return nil
	})
}

func TestReconcileWrongUse(t *testing.T) {
	tests := map[string]struct {
		args  []string
		words []string
	}{
		"an argument":      {[]string{"catalog"}, []string{`unexpected argument "catalog"`, "ctl sync NAME"}},
		"both":             {[]string{"--approve", "x", "--dry-run"}, []string{"give --approve or --dry-run, not both"}},
		"an empty id":      {[]string{"--approve", ""}, []string{"--approve takes the id of what waits for an approval", "ctl status"}},
		"an unknown form":  {[]string{"-o", "wide"}, []string{`--output is "wide": table, json, yaml`}},
		"an unknown flag":  {[]string{"--force"}, []string{"force", "ctl reconcile --help"}},
		"a time that is 0": {[]string{"--timeout", "0s"}, []string{"--timeout must be more than 0"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment(t, nil)
			got := ctl(t, append([]string{"reconcile"}, test.args...)...)
			got.expect(t, 2, test.words...)
			if got.stdout != "" {
				t.Errorf("stdout: %s", got.stdout)
			}
		})
	}
}

// A cluster that shows almost nothing after a restart: nothing goes before somebody says so.
func TestPendingDeletionIsShownAndApproved(t *testing.T) {
	p := newPipeline(t)
	for n := range 12 {
		p.publish(t, &component.Component{Namespace: "shop", Name: fmt.Sprintf("gone-%02d", n)})
	}
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.sync(t, p.url)
	p.watch(t, dir)
	var status cli.Status
	var got result
	eventually(t, func() error {
		got = ctl(t, "status", "-o", "json")
		if err := json.Unmarshal([]byte(got.stdout), &status); err != nil {
			return err
		}
		if len(status.Watchers) != 1 || status.Watchers[0].PendingDeletion == nil || len(status.Problems) != 1 || len(p.shown()) != 13 {
			return fmt.Errorf("status %+v, the registry shows %d", status, len(p.shown()))
		}
		return nil
	})
	got.expect(t, 1)
	waits := status.Watchers[0].PendingDeletion
	if waits.Gone != 12 || !strings.Contains(status.Problems[0], "deletion pending approval: cluster default: 12 of 13") ||
		!strings.Contains(status.Problems[0], "`ctl reconcile --approve "+waits.ID+"`") {
		t.Errorf("pending %+v, problems %q", waits, status.Problems)
	}
	table := ctl(t, "status")
	table.expect(t, 1)
	if !strings.Contains(table.stdout, "problem: deletion pending approval") {
		t.Errorf("stdout:\n%s", table.stdout)
	}
	ctl(t, "reconcile", "--approve", waits.ID+"0").expect(t, 1, "nothing waits for an approval under")
	if got := len(p.shown()); got != 13 {
		t.Fatalf("the registry shows %d", got)
	}
	settled(t)
	ctl(t, "reconcile", "--approve", waits.ID).expect(t, 0)
	p.awaitShown(t, "catalog 1.0.0")
	eventually(t, func() error {
		if got := ctl(t, "status"); got.code != 0 {
			return errors.New(got.stdout)
		}
		return nil
	})
	ctl(t, "reconcile", "--approve", waits.ID).expect(t, 1, "nothing waits for an approval under")
}
