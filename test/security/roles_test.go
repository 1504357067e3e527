package security

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// environment is a test environment whose NATS server has the three roles.
type environment struct {
	*testenv.Env
	*authority
	namespace string
}

// daemons starts a watcher and a syncer with additional variables, and waits until both are ready.
func (env *environment) daemons(settings map[string]string) (watcher, syncer *procs.Process) {
	env.Helper()
	watcher = env.Start(env.WatcherSpec("watcher", env.clientEnv(env.NATSURL, "watcher")).With(settings))
	syncer = env.Start(env.SyncerSpec("syncer", env.clientEnv(env.NATSURL, "syncer")).With(settings))
	env.AwaitReady(watcher, syncer)
	return watcher, syncer
}

// run runs a ctl command line with the credential of a role.
func (env *environment) run(role, line string) (code int, out string) {
	env.Helper()
	defer func() { env.CTLEnv = env.ctlEnv("ctl") }()
	env.CTLEnv = env.ctlEnv(role)
	out, code = env.CTL(strings.Fields(line)...)
	return code, out
}

func (env *environment) ctlEnv(role string) map[string]string {
	variables := env.clientEnv(env.NATSURL, role)
	variables["LEASE_NAMESPACE"] = env.namespace
	return variables
}

// awaitDeadLetters waits for the number of dead letters.
func (env *environment) awaitDeadLetters(count int) {
	env.Helper()
	env.Eventually(testenv.Timeout, "dead letters", func() error {
		if have := len(strings.Fields(env.MustCTL(0, "dlq list -o name"))); have != count {
			return fmt.Errorf("%d dead letters, want %d", have, count)
		}
		return nil
	})
}

// TestRoles_FullOperation runs the real programs, with all of ctl's commands, on a server with deploy/nats/odasync.conf. The
// server refuses nothing, and every line of the permissions is used.
func TestRoles_FullOperation(t *testing.T) {
	allowed := rulesOf(t, "allow")
	const namespace = "security-work"
	env := newEnvironment(t, namespace)
	watcher, fed := env.daemons(nil)

	// Changes and deletions are applied, and a Component that the registry rejects becomes a dead letter.
	var parts []*unstructured.Unstructured
	for n := range 14 {
		parts = append(parts, testenv.Component(namespace, fmt.Sprintf("part-%02d", n), "1", "first"))
	}
	env.Apply(parts...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return parts[12:] })
	env.AwaitInSync(testenv.Timeout)
	env.Applied(testenv.Component(namespace, "part-13", "2", "first"))
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
		// Only a lost consumer of dead letters or of the sync state is deleted and replaced; reading is too short for that in a
		// test.
		"ctl publish $JS.API.CONSUMER.DELETE.KV_ODA_SYNC_STATE.*",
		"ctl publish $JS.API.CONSUMER.DELETE.ODA_DEAD_LETTERS.*",
		// Only what finds a component of a killed process reads that process's session.
		"ctl publish $JS.API.STREAM.MSG.GET.KV_ODA_CLAIMS",
		"syncer publish $JS.API.CONSUMER.DELETE.KV_ODA_SYNC_STATE.*",
		"syncer publish $JS.API.STREAM.MSG.GET.KV_ODA_CLAIMS",
	}
	testcheck.Equal(t, "permissions that are never used", want, unused(allowed, did))
}

// everyCommand runs every ctl command that uses NATS.
func (env *environment) everyCommand() {
	env.Helper()
	env.MustCTL(0, "test")
	env.MustCTL(0, "list")
	env.MustCTL(0, "events part-13")
	env.MustCTL(0, "describe part-13")
	env.MustCTL(0, "apis")
	env.MustCTL(0, "why part-13")
	env.MustCTL(0, "trace part-13")
	env.MustCTL(0, "support-bundle -f "+filepath.Join(env.TempDir(), "support.tar.gz"))
	env.MustCTL(1, "status")
	env.MustCTL(1, "diff")
	env.MustCTL(0, "sync part-01")
	env.MustCTL(0, "reconcile")
	env.MustCTL(1, "dlq retry --all")
	env.awaitDeadLetters(1)
	env.MustCTL(1, "replay --all")
	env.awaitDeadLetters(1)
	env.MustCTL(0, "dlq drop --all --yes")
	env.MustCTL(1, "replay --all") // its dead letter is ctl's
	env.awaitDeadLetters(1)
	env.MustCTL(1, "replay --yes --all --every-event --to "+testenv.NewRegistry(env).URL())
	env.MustCTL(0, "replay --since 1h part-01")

	follow := env.Start(procs.Spec{Name: "follow", Program: "ctl", Args: []string{"events", "--follow", "--since", "1h"},
		Env: map[string]string{"CLUSTER_NAME": env.Mapping.Cluster}}.With(env.clientEnv(env.NATSURL, "ctl")))
	_, err := follow.Await(env.Within(testenv.Timeout), "version 1 -> 2")
	env.Must(err)
	env.Apply(testenv.Component(env.namespace, "part-12", "3", "first"))
	_, err = follow.Await(env.Within(testenv.Timeout), "version 1 -> 3")
	env.Must(err)
	env.Must(follow.Stop())
}

var approval = regexp.MustCompile(`ctl approve (\S+)`)

// approvePendingDeletion deletes Components while no watcher runs, and approves their deletion.
func (env *environment) approvePendingDeletion(watcher *procs.Process, gone []*unstructured.Unstructured) {
	env.Helper()
	env.Must(watcher.Stop())
	env.Delete(gone...)
	watcher = env.Start(watcher.Spec)
	id := ""
	env.Eventually(testenv.Timeout, "deletions pending approval", func() error {
		out, _ := env.CTL("status")
		found := approval.FindStringSubmatch(out)
		if found == nil {
			return fmt.Errorf("no approval in ctl status:\n%s", out)
		}
		id = strings.Trim(found[1], ".,:`'\"")
		return nil
	})
	env.MustCTL(0, "approve --yes "+id)
	env.AwaitInSync(testenv.Timeout)
	env.Must(watcher.Stop())
}
