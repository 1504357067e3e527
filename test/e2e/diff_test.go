package e2e

import (
	"fmt"
	"strings"
	"testing"

	"odasync/test/procs"
)

// ctl runs a command line in the lab's environment, wants the exit code, and returns what it printed.
func (l *lab) ctl(code int, args ...string) string {
	l.Helper()
	p := l.start(procs.Spec{Name: "ctl", Program: "ctl", Args: args, Env: map[string]string{
		"KUBECONFIG": shared.Kubeconfig, "KUBERNETES_NAMESPACE": strings.Join(l.namespaces, ","),
		"CLUSTER_NAME": l.mapping.cluster, "NATS_URL": l.natsURL, "COMPONENT_REGISTRY_URL": l.registry.url(),
	}})
	got, err := p.Wait(l.within(patience))
	l.must(err)
	if got != code {
		l.Errorf("ctl %s: exit code %d, want %d", strings.Join(args, " "), got, code)
	}
	return p.Tail(100)
}

// said fails unless each of the words is in the text.
func (l *lab) said(text string, words ...string) {
	l.Helper()
	for _, word := range words {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), word) {
			l.Errorf("no %q in:\n%s", word, text)
		}
	}
}

// TestDiffNamesWhatIsBehind compares cluster, stream and registry while all run, then without the syncer, then without
// the watcher.
func TestDiffNamesWhatIsBehind(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-diff", "e2e-diff-too")
	first, second := component("e2e-diff", "first", "1", "orders"), component("e2e-diff-too", "second.too", "1")
	l.apply(first, second)
	watcher, syncer := l.pair()
	l.equal(patience)
	l.drained(patience)
	l.said(l.ctl(0, "diff"), "components compared in cluster, stream and registry: 2, differing: 0")
	l.said(l.ctl(0, "diff", "second.too"), ": 1, differing: 0")

	l.must(syncer.Stop())
	l.apply(component("e2e-diff", "first", "2", "orders", "offers"))
	js := l.jetStream()
	l.eventually(patience, "the watcher publishes the change", func() error {
		log, err := js.Stream(l.Context(), "ODA_COMPONENTS")
		if err != nil {
			return err
		}
		newest, err := log.GetLastMsgForSubject(l.Context(), "oda.components.v1.lab.e2e-diff.first")
		if err == nil && !strings.Contains(string(newest.Data), `"version":"2"`) {
			err = fmt.Errorf("the newest is %s", newest.Data)
		}
		return err
	})
	l.said(l.ctl(1, "diff"), "differing: 1",
		"e2e-diff first stream/registry label component-version 2 <> 1",
		"e2e-diff first stream/registry api offers missing in registry")
	l.said(l.ctl(0, "events", "first"), "first known", "version 1 -> 2, +api offers")

	l.must(watcher.Stop())
	l.delete(second)
	l.said(l.ctl(1, "diff", "second.too", "-n", "e2e-diff-too"), "e2e-diff-too second.too cluster/stream component only in stream")
}
