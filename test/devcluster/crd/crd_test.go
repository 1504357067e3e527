package crd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefinition(t *testing.T) {
	type state struct{ Served, Storage bool }
	for _, test := range []struct {
		name     string
		versions []string
		want     map[string]state
	}{
		{"all by default", nil, map[string]state{
			"v1": {true, true}, "v1beta4": {true, false}, "v1beta3": {true, false}, "v1beta2": {true, false}}},
		{"v1 alone", []string{"v1"}, map[string]state{
			"v1": {true, true}, "v1beta4": {}, "v1beta3": {}, "v1beta2": {}}},
		{"the order given does not matter", []string{"v1beta2", "v1"}, map[string]state{
			"v1": {true, true}, "v1beta4": {}, "v1beta3": {}, "v1beta2": {true, false}}},
		{"the newest served one stores without v1", []string{"v1beta2", "v1beta3"}, map[string]state{
			"v1": {}, "v1beta4": {}, "v1beta3": {true, true}, "v1beta2": {true, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, err := Definition(test.versions)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]state{}
			for _, v := range tree["spec"].(map[string]any)["versions"].([]any) {
				version := v.(map[string]any)
				got[version["name"].(string)] = state{version["served"].(bool), version["storage"].(bool)}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefinitionRefusesUnknownVersions(t *testing.T) {
	if _, err := Definition([]string{"v1", "v2"}); err == nil {
		t.Error("version v2 was accepted")
	}
}
