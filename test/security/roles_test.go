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

// environment is a lab whose NATS server knows the three roles.
type environment struct {
	*testenv.Env
	*authority
	namespace string
	commands  int
}

// daemons starts a watcher and a syncer with settings and waits until both are ready.
func (env *environment) daemons(settings map[string]string) (watcher, syncer *procs.Process) {
	env.Helper()
	watcher = env.Start(env.WatcherSpec("watcher", env.clientEnv(env.NATSURL, "watcher")).With(settings))
	syncer = env.Start(env.SyncerSpec("syncer", env.clientEnv(env.NATSURL, "syncer")).With(settings))
	env.AwaitReady(watcher, syncer)
	return watcher, syncer
}

// ctl runs a command as a role, which ends with the exit code, and returns what it said.
func (env *environment) ctl(role string, wantCode int, args ...string) string {
	env.Helper()
	code, out := env.run(role, args...)
	if code != wantCode {
		env.Fatalf("ctl %s as %s ends with %d, want %d:\n%s", strings.Join(args, " "), role, code, wantCode, out)
	}
	return out
}

func (env *environment) run(role string, args ...string) (code int, out string) {
	env.Helper()
	env.commands++
	p := env.Start(procs.Spec{Name: fmt.Sprintf("ctl-%d", env.commands), Program: "ctl", Args: args, Env: map[string]string{
		"KUBECONFIG": env.Cluster.Kubeconfig, "KUBERNETES_NAMESPACE": env.namespace, "LEASE_NAMESPACE": env.namespace,
		"CLUSTER_NAME": env.Mapping.Cluster, "COMPONENT_REGISTRY_URL": env.Registry.URL(), "XDG_STATE_HOME": env.dir,
	}}.With(env.clientEnv(env.NATSURL, role)))
	code, err := p.Wait(env.Within(testenv.Timeout))
	env.Must(err)
	return code, p.Tail(1000)
}

// awaitDeadLetters waits until there are so many dead letters.
func (env *environment) awaitDeadLetters(count int) {
	env.Helper()
	env.Eventually(testenv.Timeout, "dead letters", func() error {
		if have := len(strings.Fields(env.ctl("ctl", 0, "dlq", "list", "-o", "name"))); have != count {
			return fmt.Errorf("there are %d, want %d", have, count)
		}
		return nil
	})
}

// TestRoles_FullOperation runs the real programs on the server of deploy/nats/odasync.conf, from nothing to the last of
// ctl's commands. The server refuses nothing, and every line of the permissions is needed for something.
func TestRoles_FullOperation(t *testing.T) {
	allowed := rulesOf(t, "allow")
	const namespace = "security-work"
	env := newEnvironment(t, namespace)
	watcher, fed := env.daemons(nil)

	// Changes and deletions come through, and a Component that the registry refuses becomes a dead letter.
	var parts []*unstructured.Unstructured
	for n := range 14 {
		parts = append(parts, testenv.Component(namespace, fmt.Sprintf("part-%02d", n), "1", "first"))
	}
	env.Apply(parts...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return parts[12:] })
	env.AwaitInSync(testenv.Timeout)
	env.Apply(testenv.Component(namespace, "part-13", "2", "first"))
	env.AwaitInSync(testenv.Timeout)
	long := testenv.Component(namespace, strings.Repeat("x", 101), "1", "first")
	long.SetLabels(nil) // whose values Kubernetes limits to 63 characters
	env.Apply(long)
	env.awaitDeadLetters(1)

	env.everyCommand()
	env.Delete(long)
	env.awaitDeadLetters(0)
	env.approvePendingDeletion(watcher, parts[:12])
	env.otherSettings(watcher, fed)
	env.changeByHand()
	first := env.NATS[0]
	servers := []*procs.Process{first, env.restart(), env.syncerFirst(t)}

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
func (env *environment) everyCommand() {
	env.Helper()
	env.ctl("ctl", 0, "test")
	env.ctl("ctl", 0, "list")
	env.ctl("ctl", 0, "events", "part-13")
	env.ctl("ctl", 1, "status")
	env.ctl("ctl", 1, "diff")
	env.ctl("ctl", 0, "sync", "part-01")
	env.ctl("ctl", 0, "reconcile")
	env.ctl("ctl", 1, "dlq", "retry", "--all")
	env.awaitDeadLetters(1)
	env.ctl("ctl", 1, "replay", "--all")
	env.awaitDeadLetters(1)
	env.ctl("ctl", 0, "dlq", "drop", "--all")
	env.ctl("ctl", 1, "replay", "--all") // its dead letter is ctl's
	env.awaitDeadLetters(1)
	env.ctl("ctl", 1, "replay", "--all", "--every-event", "--to", testenv.NewRegistry(env).URL())
	env.ctl("ctl", 0, "replay", "--since", "1h", "part-01")

	follow := env.Start(procs.Spec{Name: "follow", Program: "ctl", Args: []string{"events", "--follow", "--since", "1h"},
		Env: map[string]string{"CLUSTER_NAME": env.Mapping.Cluster}}.With(env.clientEnv(env.NATSURL, "ctl")))
	_, err := follow.Await(env.Within(testenv.Timeout), "version 1 -> 2")
	env.Must(err)
	env.Apply(testenv.Component(env.namespace, "part-12", "3", "first"))
	_, err = follow.Await(env.Within(testenv.Timeout), "version 1 -> 3")
	env.Must(err)
	env.Must(follow.Stop())
}

var refusal = regexp.MustCompile(`--approve (\S+)`)

// approvePendingDeletion has Components vanish while no watcher looks, and approves their deletion.
func (env *environment) approvePendingDeletion(watcher *procs.Process, gone []*unstructured.Unstructured) {
	env.Helper()
	env.Must(watcher.Stop())
	env.Delete(gone...)
	watcher = env.Start(watcher.Spec)
	id := ""
	env.Eventually(testenv.Timeout, "the watcher holds back the deletions", func() error {
		_, out := env.run("ctl", "status")
		found := refusal.FindStringSubmatch(out)
		if found == nil {
			return fmt.Errorf("ctl status names no refusal:\n%s", out)
		}
		id = strings.Trim(found[1], ".,:`'\"")
		return nil
	})
	env.ctl("ctl", 0, "reconcile", "--approve", id)
	env.AwaitInSync(testenv.Timeout)
	env.Must(watcher.Stop())
}
