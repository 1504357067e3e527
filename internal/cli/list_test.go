package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"odasync/internal/cli"
	"odasync/internal/testwait"
)

// A Component that does not fit into a message is a row of its own, and a number in the status.
func TestList_TooLarge(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "huge", strings.Repeat("9", 2<<20))
	p.startWatcher(t, dir)
	testwait.Until(t, "the component to be listed", func() bool {
		return strings.Contains(ctl(t, "list", "-o", "wide").stdout, "shop        huge   -         0/0    -        too_large")
	})
	p.startSyncer(t, p.url, "auto")
	testwait.Until(t, "the status to count it", func() bool {
		return strings.Contains(ctl(t, "status").stdout, "problem: 1 component too large for the stream")
	})
}

// The age of a component's verification is that of the last reconcile, if that was later than its last write.
func TestList_Verified(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "catalog.yaml"), "apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata: {name: catalog, namespace: shop}\n"+
		"spec: {componentMetadata: {version: 1.0.0}, coreFunction: {exposedAPIs: [], dependentAPIs: [{name: stock}]}}\n")
	p.startWatcher(t, dir)
	p.startSyncer(t, p.url, "auto")
	p.awaitEntries(t, "catalog 1.0.0")
	p.awaitOutcomes(t, 1)
	read := func() cli.InRegistry {
		var items []cli.Item
		got := ctl(t, "list", "-o", "json")
		expectShape(t, "list", got.stdout)
		got.decode(t, &items)
		return items[0].Registry
	}
	before := read()
	if before.State != "synced" || before.Verified == nil || before.Updated == nil {
		t.Fatalf("%+v", before)
	}
	ctl(t, "reconcile").expect(t, 0)
	after := read()
	if !after.Verified.After(*before.Verified) || !after.Updated.Equal(*before.Updated) {
		t.Errorf("a reconcile verified it at %s, and the outcome is of %s; before: %s, %s", after.Verified, after.Updated, before.Verified, before.Updated)
	}
}
