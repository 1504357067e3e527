package e2e

import (
	"fmt"
	"testing"

	"odasync/test/testenv"
)

// environment is a lab on the shared API server, with what only these tests need.
type environment struct{ *testenv.Env }

// newEnv makes namespaces of the given names, and starts NATS and the registry.
func newEnv(t *testing.T, namespaces ...string) *environment {
	t.Helper()
	return &environment{testenv.New(t, shared, namespaces...)}
}

// change gives a new state to Components 0 to count-1 of a namespace, with fewer in each later round.
func (env *environment) change(namespace, version string, count int) {
	env.Helper()
	for i := range count {
		env.Apply(testenv.Component(namespace, fmt.Sprintf("item-%d", i), version, "api-"+version))
	}
}
