package testenv

import (
	"fmt"
	"strings"

	"odasync/test/procs"
)

// CTL runs a ctl command against the test environment, and returns its output and exit code.
func (env *Env) CTL(arguments ...string) (printed string, code int) {
	env.Helper()
	env.commands++
	spec := procs.Spec{Name: fmt.Sprintf("ctl-%d", env.commands), Program: "ctl", Args: arguments, Env: map[string]string{
		"KUBECONFIG": env.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(env.Namespaces, ","),
		"NATS_URL": env.NATSURL, "CLUSTER_NAME": env.Mapping.Cluster, "COMPONENT_REGISTRY_URL": env.Registry.URL(),
	}}
	p := env.Start(spec.With(env.CTLEnv))
	code, err := p.Wait(env.Within(2 * Timeout))
	env.Must(err)
	return p.Tail(10_000), code
}

// MustCTL runs a ctl command line. The test fails at once when the exit code is not the expected one.
func (env *Env) MustCTL(want int, line string) (printed string) {
	env.Helper()
	printed, code := env.CTL(strings.Fields(line)...)
	if code != want {
		env.Fatalf("ctl %s: exit code %d, want %d:\n%s", line, code, want, printed)
	}
	return printed
}
