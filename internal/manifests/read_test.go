package manifests_test

import (
	"strings"
	"testing"
)

// A read sees the files as they are, without a Watch.
func TestSource_Read(t *testing.T) {
	t.Parallel()
	f := newFixture(t, t.TempDir())
	f.write(t, map[string]string{
		"a/catalog.yaml": manifest("catalog", "1"), "b/catalog.yaml": manifest("catalog", "2"),
		"broken.yaml": "kind: [", "malformed.yaml": manifest("bad", "1") + "  coreFunction: text\n",
	})
	seen, found, err := f.source.Read(t.Context(), "default", "catalog")
	if err != nil || !found || seen.Component.Metadata.Version != "1" || seen.Seen.IsZero() {
		t.Errorf("%+v, %t, %v, want the first of two", seen, found, err)
	}
	if seen, found, err := f.source.Read(t.Context(), "default", "bad"); err != nil || !found || seen.Err == nil {
		t.Errorf("a malformed component: %+v, %t, %v", seen, found, err)
	}
	if _, found, err := f.source.Read(t.Context(), "default", "orders"); found || err == nil || !strings.Contains(err.Error(), "broken.yaml") {
		t.Errorf("a component that the broken file may contain: %t, %v", found, err)
	}
	f.write(t, map[string]string{"broken.yaml": manifest("orders", "1")})
	if _, found, err := f.source.Read(t.Context(), "default", "ledger"); found || err != nil {
		t.Errorf("no such component: %t, %v", found, err)
	}
	if _, found, err := f.source.Read(t.Context(), "elsewhere", "orders"); found || err != nil {
		t.Errorf("another namespace: %t, %v", found, err)
	}
}
