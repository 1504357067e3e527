package security

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// worker is a lab whose NATS server knows the three roles.
type worker struct {
	*testenv.Env
	*authority
	namespace string
	commands  int
}

// daemons starts a watcher and a syncer with settings and waits until both are ready.
func (w *worker) daemons(settings map[string]string) (watcher, syncer *procs.Process) {
	w.Helper()
	watcher = w.Start(w.WatcherSpec("watcher", w.clientEnv(w.NATSURL, "watcher")).With(settings))
	syncer = w.Start(w.SyncerSpec("syncer", w.clientEnv(w.NATSURL, "syncer")).With(settings))
	w.AwaitReady(watcher, syncer)
	return watcher, syncer
}

// ctl runs a command as a role, which ends with the exit code, and returns what it said.
func (w *worker) ctl(role string, wantCode int, args ...string) string {
	w.Helper()
	code, out := w.run(role, args...)
	if code != wantCode {
		w.Fatalf("ctl %s as %s ends with %d, want %d:\n%s", strings.Join(args, " "), role, code, wantCode, out)
	}
	return out
}

func (w *worker) run(role string, args ...string) (code int, out string) {
	w.Helper()
	w.commands++
	p := w.Start(procs.Spec{Name: fmt.Sprintf("ctl-%d", w.commands), Program: "ctl", Args: args, Env: map[string]string{
		"KUBECONFIG": w.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": w.namespace, "LEASE_NAMESPACE": w.namespace,
		"CLUSTER_NAME": w.Mapping.Cluster, "COMPONENT_REGISTRY_URL": w.Registry.URL(), "XDG_STATE_HOME": w.dir,
	}}.With(w.clientEnv(w.NATSURL, role)))
	code, err := p.Wait(w.Within(testenv.Timeout))
	w.Must(err)
	return code, p.Tail(1000)
}

// letters waits until there are so many dead letters.
func (w *worker) letters(count int) {
	w.Helper()
	w.Eventually(testenv.Timeout, "dead letters", func() error {
		if have := len(strings.Fields(w.ctl("ctl", 0, "dlq", "list", "-o", "name"))); have != count {
			return fmt.Errorf("there are %d, want %d", have, count)
		}
		return nil
	})
}

// TestEveryRoleCanWork runs the real programs on the server of deploy/nats/odasync.conf, from nothing to the last of
// ctl's commands. The server refuses nothing, and every line of the permissions is needed for something.
func TestEveryRoleCanWork(t *testing.T) {
	allowed := rulesOf(t, "allow")
	const namespace = "security-work"
	w := newWorker(t, namespace)
	watcher, fed := w.daemons(nil)

	// Changes and deletions come through, and a Component that the registry refuses becomes a dead letter.
	var parts []*unstructured.Unstructured
	for n := range 14 {
		parts = append(parts, testenv.Component(namespace, fmt.Sprintf("part-%02d", n), "1", "first"))
	}
	w.Apply(parts...)
	w.DeleteAfterwards(func() []*unstructured.Unstructured { return parts[12:] })
	w.AwaitInSync(testenv.Timeout)
	w.Apply(testenv.Component(namespace, "part-13", "2", "first"))
	w.AwaitInSync(testenv.Timeout)
	long := testenv.Component(namespace, strings.Repeat("x", 101), "1", "first")
	long.SetLabels(nil) // whose values Kubernetes limits to 63 characters
	w.Apply(long)
	w.letters(1)

	w.everyCommand()
	w.Delete(long)
	w.letters(0)
	w.heldBack(watcher, parts[:12])
	w.otherSettings(watcher, fed)
	w.byHand()
	first := w.NATS[0]
	servers := []*procs.Process{first, w.restart(), w.syncerFirst(t)}

	var did []rule
	for _, server := range servers {
		did = append(did, used(t, server)...)
		if found := violations(server); len(found) != 0 {
			t.Errorf("the server refused:\n%s", strings.Join(found, "\n"))
		}
	}
	want := []string{
		// A reading of dead letters or of the sync state that is lost begins anew and removes the lost one; none takes long
		// enough for a test.
		"ctl publish $JS.API.CONSUMER.DELETE.KV_ODA_SYNC_STATE.*",
		"ctl publish $JS.API.CONSUMER.DELETE.ODA_DEAD_LETTERS.*",
		// A replay that meets a component of a syncer that died looks for that syncer's session.
		"ctl publish $JS.API.STREAM.MSG.GET.KV_ODA_CLAIMS",
		"syncer publish $JS.API.CONSUMER.DELETE.KV_ODA_SYNC_STATE.*",
	}
	if diff := cmp.Diff(want, unused(allowed, did)); diff != "" {
		t.Errorf("what is allowed and nothing needs (-want +got):\n%s", diff)
	}
}

// everyCommand runs those of ctl that use NATS.
func (w *worker) everyCommand() {
	w.Helper()
	w.ctl("ctl", 0, "test")
	w.ctl("ctl", 0, "list")
	w.ctl("ctl", 0, "events", "part-13")
	w.ctl("ctl", 1, "status")
	w.ctl("ctl", 1, "diff")
	w.ctl("ctl", 0, "sync", "part-01")
	w.ctl("ctl", 0, "reconcile")
	w.ctl("ctl", 1, "dlq", "retry", "--all")
	w.letters(1)
	w.ctl("ctl", 1, "replay", "--all")
	w.letters(1)
	w.ctl("ctl", 0, "dlq", "drop", "--all")
	w.ctl("ctl", 1, "replay", "--all") // its dead letter is ctl's
	w.letters(1)
	w.ctl("ctl", 1, "replay", "--all", "--every-event", "--to", testenv.NewRegistry(w).URL())
	w.ctl("ctl", 0, "replay", "--since", "1h", "part-01")

	follow := w.Start(procs.Spec{Name: "follow", Program: "ctl", Args: []string{"events", "--follow", "--since", "1h"},
		Env: map[string]string{"CLUSTER_NAME": w.Mapping.Cluster}}.With(w.clientEnv(w.NATSURL, "ctl")))
	_, err := follow.Await(w.Within(testenv.Timeout), "version 1 -> 2")
	w.Must(err)
	w.Apply(testenv.Component(w.namespace, "part-12", "3", "first"))
	_, err = follow.Await(w.Within(testenv.Timeout), "version 1 -> 3")
	w.Must(err)
	w.Must(follow.Stop())
}

var refusal = regexp.MustCompile(`--approve (\S+)`)

// heldBack has Components vanish while no watcher looks, and approves their deletion.
func (w *worker) heldBack(watcher *procs.Process, gone []*unstructured.Unstructured) {
	w.Helper()
	w.Must(watcher.Stop())
	w.Delete(gone...)
	watcher = w.Start(watcher.Spec)
	id := ""
	w.Eventually(testenv.Timeout, "the watcher holds back the deletions", func() error {
		_, out := w.run("ctl", "status")
		found := refusal.FindStringSubmatch(out)
		if found == nil {
			return fmt.Errorf("ctl status names no refusal:\n%s", out)
		}
		id = strings.Trim(found[1], ".,:`'\"")
		return nil
	})
	w.ctl("ctl", 0, "reconcile", "--approve", id)
	w.AwaitInSync(testenv.Timeout)
	w.Must(watcher.Stop())
}
