package fingerprint_test

import (
	"fmt"
	"testing"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
)

func TestOf_DistinguishesValues(t *testing.T) {
	seen := map[fingerprint.Print]string{}
	for _, key := range []component.Key{
		{Cluster: "a", Namespace: "b", Name: "c"}, {Cluster: "ab", Namespace: "", Name: "c"}, {Cluster: "a", Namespace: "bc"}, {Name: "abc"}, {},
	} {
		if other, twice := seen[fingerprint.Of(key)]; twice {
			t.Errorf("%v and %s have the same fingerprint", key, other)
		}
		seen[fingerprint.Of(key)] = key.String()
		if fingerprint.Of(key) != fingerprint.Of(component.Key{Cluster: fmt.Sprint(key.Cluster), Namespace: key.Namespace, Name: key.Name}) {
			t.Errorf("%v has two fingerprints", key)
		}
	}
}
