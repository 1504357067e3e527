package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"odasync/internal/cli"
	"odasync/internal/registry"
	"odasync/internal/testwait"
)

// After a restart the cluster lacks almost every component: nothing is deleted without an approval.
func TestReconcile_Approve(t *testing.T) {
	p := newPipeline(t)
	for n := range 12 {
		p.publish(t, content("shop", fmt.Sprintf("gone-%02d", n), "1"))
	}
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.startSyncer(t, p.url, registry.APIAuto)
	p.startWatcher(t, dir)
	var status cli.Status
	var got result
	testwait.NoError(t, "wait for the pending deletion", func() error {
		got = ctl(t, "status", "-o", "json")
		if err := json.Unmarshal([]byte(got.stdout), &status); err != nil {
			return err
		}
		if len(status.Watchers) != 1 || status.Watchers[0].PendingDeletion == nil || len(status.Problems) != 1 || len(p.entries()) != 13 {
			return fmt.Errorf("status %+v, the registry has %d", status, len(p.entries()))
		}
		return nil
	})
	got.expect(t, 1)
	pending := status.Watchers[0].PendingDeletion
	if pending.Gone != 12 || !strings.Contains(status.Problems[0], "deletion pending approval: cluster default: 12 of 13") ||
		!strings.Contains(status.Problems[0], "`ctl reconcile --approve "+pending.ID+"`") {
		t.Errorf("pending %+v, problems %q", pending, status.Problems)
	}
	table := ctl(t, "status")
	table.expect(t, 1)
	if !strings.Contains(table.stdout, "problem: deletion pending approval") {
		t.Errorf("stdout:\n%s", table.stdout)
	}
	ctl(t, "reconcile", "--approve", pending.ID+"0").expect(t, 1, "no approval is pending with ID")
	if got := len(p.entries()); got != 13 {
		t.Fatalf("the registry has %d", got)
	}
	awaitIdle(t)
	ctl(t, "reconcile", "--approve", pending.ID).expect(t, 0)
	p.awaitEntries(t, "catalog 1.0.0")
	testwait.NoError(t, "wait for the deletion", func() error {
		if got := ctl(t, "status"); got.code != 0 {
			return errors.New(got.stdout)
		}
		return nil
	})
	ctl(t, "reconcile", "--approve", pending.ID).expect(t, 1, "no approval is pending with ID")
}
