package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// newEnvironment starts a server with the three roles.
func newEnvironment(t *testing.T, namespace string) *environment {
	t.Helper()
	env := &environment{Env: testenv.NewWithoutNATS(t, shared, namespace), authority: newAuthority(t), namespace: namespace}
	env.server()
	env.start(env.Env)
	env.CTLEnv = env.ctlEnv("ctl")
	return env
}

// TestCtl_NamesMissingPermission runs ctl with the credential of another role.
func TestCtl_NamesMissingPermission(t *testing.T) {
	t.Parallel()
	env := newEnvironment(t, "security-ctl")
	env.daemons(nil)
	for _, command := range []string{"list", "status", "sync --all", "events --follow", "dlq list", "reconcile"} {
		code, out := env.run("watcher", command)
		testcheck.Equal(t, fmt.Sprintf("exit code of ctl %s", command), 2, code)
		env.ExpectText(out, `ctl: nats: the server does not let this user subscribe to "_INBOX_ctl.`, "give ctl the credential of its role")
		if strings.Contains(out, "deadline") || strings.Contains(out, "canceled") {
			t.Errorf("ctl %s reports a consequence:\n%s", command, out)
		}
	}
	_, out := env.run("syncer", "test")
	env.ExpectText(out, "the server does not let this user", "every collection follows v1")
}

// TestCredential_OfAnotherRole starts watcher and syncer with the credential of the other.
func TestCredential_OfAnotherRole(t *testing.T) {
	t.Parallel()
	env := newEnvironment(t, "security-swapped")
	for p, inbox := range map[*procs.Process]string{
		env.Start(env.WatcherSpec("watcher", env.clientEnv(env.NATSURL, "syncer"))): "_INBOX_watcher.",
		env.Start(env.SyncerSpec("syncer", env.clientEnv(env.NATSURL, "watcher"))):  "_INBOX_syncer.",
	} {
		env.AwaitLog(p, "nats server refused something", map[string]string{"error": inbox})
		env.AwaitNotReady(p, "the server does not let this user")
	}
}

// TestPasswords_Rotate changes the watcher's password on the server first. The watcher retries until its own password is
// accepted again.
func TestPasswords_Rotate(t *testing.T) {
	t.Parallel()
	env := newEnvironment(t, "security-rotation")
	watcher, _ := env.daemons(nil)
	right := env.NATS[0].Spec
	env.Must(env.NATS[0].Stop())
	env.NATS[0].Spec = right.With(map[string]string{"ODASYNC_WATCHER_PASSWORD": "another"})
	env.RestartNATS()
	env.AwaitLog(watcher, "nats server refused something", map[string]string{"error": "check NATS_USER"})
	late := watcher.Spec
	late.Name = "late"
	standby := env.Start(late)
	for _, p := range []*procs.Process{watcher, standby} {
		env.AwaitNotReady(p, "does not accept the credential")
	}
	env.Eventually(testenv.Timeout, "the watcher retries", func() error {
		// The client library by itself would give up after the second.
		if tries := strings.Count(env.NATS[0].Tail(1<<30), "authentication error"); tries < 4 {
			return fmt.Errorf("%d attempts", tries)
		}
		return nil
	})
	env.Must(env.NATS[0].Stop())
	env.NATS[0].Spec = env.NATS[0].Spec.With(map[string]string{"ODASYNC_WATCHER_PASSWORD": password("watcher")})
	env.RestartNATS()
	env.AwaitReady(watcher, standby)
	env.Applied(testenv.Component(env.namespace, "after", "1", "first"))
}

// TestMutualTLS enables the lines that odasync.conf has as comments.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	env := &environment{Env: testenv.NewWithoutNATS(t, shared, "security-mutual"), authority: newAuthority(t), namespace: "security-mutual"}
	env.server()
	env.client("watcher")
	env.client("syncer")
	folder := t.TempDir()
	for _, name := range []string{"odasync.conf", "accounts.conf"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(configFile(t)), name))
		env.Must(err)
		changed := strings.NewReplacer("# ca_file:", "ca_file:", "# verify:", "verify:").Replace(string(text))
		if name == "odasync.conf" && strings.Count(changed, "ca_file:") != 1 {
			t.Fatalf("%s has no mutual TLS to switch on:\n%s", name, text)
		}
		env.Must(os.WriteFile(filepath.Join(folder, name), []byte(changed), 0o600))
	}
	env.config = filepath.Join(folder, "odasync.conf")
	env.start(env.Env)
	with := func(role string) map[string]string {
		return map[string]string{"NATS_TLS_CERT": env.file(role + ".crt"), "NATS_TLS_KEY": env.file(role + ".key")}
	}
	env.AwaitReady(
		env.Start(env.WatcherSpec("watcher", env.clientEnv(env.NATSURL, "watcher")).With(with("watcher"))),
		env.Start(env.SyncerSpec("syncer", env.clientEnv(env.NATSURL, "syncer")).With(with("syncer"))),
	)
	code, out := env.run("ctl", "list") // without a certificate
	testcheck.Equal(t, "exit code of ctl without a certificate", 2, code)
	env.ExpectText(out, "connect to nats", "the NATS_TLS files")
}
