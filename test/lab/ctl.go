package lab

import (
	"fmt"
	"strings"

	"odasync/test/procs"
)

// CTL runs a ctl command for the lab's cluster until it ends, and returns what it printed and its exit code.
func (l *Lab) CTL(arguments ...string) (printed string, code int) {
	l.Helper()
	l.commands++
	spec := procs.Spec{Name: fmt.Sprintf("ctl-%d", l.commands), Program: "ctl", Args: arguments, Env: map[string]string{
		"KUBECONFIG": l.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(l.Namespaces, ","),
		"NATS_URL": l.NATSURL, "CLUSTER_NAME": l.Mapping.Cluster, "COMPONENT_REGISTRY_URL": l.Registry.URL(),
	}}
	p := l.Start(spec)
	code, err := p.Wait(l.Within(2 * Patience))
	l.Must(err)
	return p.Tail(10_000), code
}

// MustCTL is CTL for a command line in one text, which must end with that exit code.
func (l *Lab) MustCTL(want int, line string) (printed string) {
	l.Helper()
	printed, code := l.CTL(strings.Fields(line)...)
	if code != want {
		l.Fatalf("ctl %s: exit code %d, want %d:\n%s", line, code, want, printed)
	}
	return printed
}
