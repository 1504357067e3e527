package e2e

import (
	"fmt"
	"testing"

	"odasync/test/testenv"
)

// place is a lab on the shared API server, with what only these tests need.
type place struct{ *testenv.Env }

// newLab makes namespaces of the given names, and starts NATS and the registry.
func newLab(t *testing.T, namespaces ...string) *place {
	t.Helper()
	return &place{testenv.New(t, shared, namespaces...)}
}

// change gives a new state to Components 0 to count-1 of a namespace, with fewer in each later round.
func (l *place) change(namespace, version string, count int) {
	l.Helper()
	for i := range count {
		l.Apply(testenv.Component(namespace, fmt.Sprintf("item-%d", i), version, "api-"+version))
	}
}
