package document_test

import (
	"testing"

	"odasync/internal/component"
	"odasync/internal/registry/tmf639/document"
)

func TestMark_RoundTrip(t *testing.T) {
	for _, key := range []component.Key{
		{Cluster: "east", Namespace: "components", Name: "catalog"}, {Cluster: "a/b", Namespace: "n", Name: "x.y"}, {Cluster: "/", Namespace: "a/b", Name: "c/%2F"},
	} {
		m := document.Mark{Key: key, Digest: "AbCdEfGhI-_"}
		if got, ok := document.ParseMark(m.String()); !ok || got != m {
			t.Errorf("%s is read as %+v, %v", m, got, ok)
		}
	}
	for _, foreign := range []string{
		"", "1001", "odasync/", "odasync/east/components/catalog", "odasync/east/components/catalog/short",
		"odasync/components/catalog/AbCdEfGhI-_", "odasync//n/c/AbCdEfGhI-_",
	} {
		if m, ok := document.ParseMark(foreign); ok {
			t.Errorf("%q is read as %+v", foreign, m)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("odasync/east/components/catalog/AbCdEfGhI-_")
	f.Fuzz(func(t *testing.T, version string) {
		if m, ok := document.ParseMark(version); ok {
			if again, ok := document.ParseMark(m.String()); !ok || again != m {
				t.Errorf("%q is read as %+v, then as %+v", version, m, again)
			}
		}
	})
}
