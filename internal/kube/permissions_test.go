package kube_test

import (
	"os"
	"testing"
)

func TestErrors_NameFilesThatExist(t *testing.T) {
	for _, name := range []string{"../../deploy/rbac.yaml", "../../deploy/rbac-cluster.yaml"} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("error texts point to %s: %v", name, err)
		}
	}
}
