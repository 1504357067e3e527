package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/event"
	"odasync/internal/registry"
	"odasync/internal/testwait"
)

// After a restart the cluster lacks almost every component: nothing is deleted without an approval.
func TestApprove_DeletesWhatWasListed(t *testing.T) {
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
		!strings.Contains(status.Problems[0], "`ctl approve "+pending.ID+"`") {
		t.Errorf("pending %+v, problems %q", pending, status.Problems)
	}
	table := ctl(t, "status")
	table.expect(t, 1)
	if !strings.Contains(table.stdout, "problem: deletion pending approval") {
		t.Errorf("stdout:\n%s", table.stdout)
	}
	ctl(t, "approve", pending.ID+"0").expect(t, 1, "no approval is pending with ID")
	listed := ctl(t, "approve", "-o", "json")
	listed.expect(t, 1, pending.ID+" was not approved: run `ctl approve "+pending.ID+" --yes`")
	var all []cli.Approval
	if listed.decode(t, &all); len(all) != 1 || len(all[0].Components) != 12 || all[0].Components[11] != "default/shop/gone-11" || all[0].Approved {
		t.Errorf("listed %+v, want all 12 components", all)
	}
	if got := len(p.entries()); got != 13 {
		t.Fatalf("the registry has %d", got)
	}
	awaitIdle(t)
	ctl(t, "approve", pending.ID).expect(t, 1, "was not approved: run `ctl approve "+pending.ID+" --yes`")
	ctl(t, "approve", pending.ID, "--yes").expect(t, 0, pending.ID+": 12 of 12 deleted in target default")
	if diff := cmp.Diff([]string{"catalog 1.0.0"}, p.entries()); diff != "" {
		t.Errorf("it ended before the deletions (-want +got):\n%s", diff)
	}
	testwait.NoError(t, "wait for the deletion", func() error {
		if got := ctl(t, "status"); got.code != 0 {
			return errors.New(got.stdout)
		}
		return nil
	})
	ctl(t, "approve", pending.ID).expect(t, 1, "no approval is pending with ID")
}

// Entries whose components the stream does not have wait in the syncer.
func TestApprove_DeletesOrphans(t *testing.T) {
	p := newPipeline(t)
	var published []event.Event
	for n := range 12 {
		published = append(published, p.publish(t, content("shop", fmt.Sprintf("gone-%02d", n), "1")))
	}
	p.startSyncer(t, p.url, registry.APIAuto)
	p.awaitOutcomes(t, 12)
	for _, e := range published {
		must(t, p.log.Purge(t.Context(), e.Key, e.Sequence))
	}
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.startWatcher(t, dir)
	var all []cli.Approval
	testwait.NoError(t, "wait for the pending deletion", func() error {
		got := ctl(t, "approve", "-o", "json")
		if err := json.Unmarshal([]byte(got.stdout), &all); err != nil || len(all) != 1 || len(p.entries()) != 13 {
			return fmt.Errorf("%v: pending %+v, entries %v: %s", err, all, p.entries(), got.stderr)
		}
		return nil
	})
	if a := all[0]; a.Place != "target default, cluster default" || a.Gone != 12 || len(a.Components) != 12 {
		t.Errorf("pending %+v", a)
	}
	got := ctl(t, "approve", all[0].ID, "--yes", "-o", "json")
	got.expect(t, 0, all[0].ID+": 12 of 12 deleted in target default")
	if got.decode(t, &all); len(all) != 1 || !all[0].Approved || all[0].Deleted != 12 {
		t.Errorf("approved %+v", all)
	}
	if diff := cmp.Diff([]string{"catalog 1.0.0"}, p.entries()); diff != "" {
		t.Errorf("it ended before the deletions (-want +got):\n%s", diff)
	}
}
