package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// newWorker starts a server that knows the three roles.
func newWorker(t *testing.T, namespace string) *worker {
	t.Helper()
	w := &worker{Env: testenv.NewWithoutNATS(t, shared, namespace), authority: newAuthority(t), namespace: namespace}
	w.server()
	w.start(w.Env)
	return w
}

// TestCtlSaysWhatIsRefused gives ctl a credential that is not its own.
func TestCtlSaysWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorker(t, "security-ctl")
	w.daemons(nil)
	for _, command := range [][]string{{"list"}, {"status"}, {"sync", "--all"}, {"events", "--follow"}, {"dlq", "list"}, {"reconcile"}} {
		code, out := w.run("watcher", command...)
		if code != 2 {
			t.Errorf("ctl %s ends with %d, want 2", strings.Join(command, " "), code)
		}
		tells(t, out, `ctl: nats: the server does not let this user subscribe to "_INBOX_ctl.`, "give ctl the credential of its role")
		if strings.Contains(out, "deadline") || strings.Contains(out, "canceled") {
			t.Errorf("ctl %s speaks of what follows from it:\n%s", strings.Join(command, " "), out)
		}
	}
	_, out := w.run("syncer", "test")
	tells(t, out, "the server does not let this user", "labels, registries, components and exposed-apis answer as v1")
}

// TestAnotherRolesCredential starts each daemon with the other's.
func TestAnotherRolesCredential(t *testing.T) {
	t.Parallel()
	w := newWorker(t, "security-swapped")
	for p, words := range map[*procs.Process]string{
		w.Start(w.WatcherSpec("watcher", w.clientEnv(w.NATSURL, "syncer"))): "_INBOX_watcher.",
		w.Start(w.SyncerSpec("syncer", w.clientEnv(w.NATSURL, "watcher"))):  "_INBOX_syncer.",
	} {
		_, err := p.AwaitEntry(w.Within(testenv.Timeout), testenv.Logs("nats server refused something", map[string]string{"error": words}))
		w.Must(err)
		w.Must(p.AwaitNotReady(w.Within(testenv.Timeout), "the server does not let this user"))
	}
}

// TestPasswordsAreChanged changes the watcher's password on the server first. The watcher tries again until its own is
// right again.
func TestPasswordsAreChanged(t *testing.T) {
	t.Parallel()
	w := newWorker(t, "security-rotation")
	watcher, _ := w.daemons(nil)
	right := w.NATS[0].Spec
	w.Must(w.NATS[0].Stop())
	w.NATS[0].Spec = right.With(map[string]string{"ODASYNC_WATCHER_PASSWORD": "another"})
	w.RestartNATS()
	_, err := watcher.AwaitEntry(w.Within(testenv.Timeout), testenv.Logs("nats server refused something", map[string]string{"error": "check NATS_USER"}))
	w.Must(err)
	late := watcher.Spec
	late.Name = "late"
	standby := w.Start(late)
	for _, p := range []*procs.Process{watcher, standby} {
		w.Must(p.AwaitNotReady(w.Within(testenv.Timeout), "does not accept the credential"))
	}
	w.Eventually(testenv.Timeout, "the watcher goes on trying", func() error {
		// The client library by itself would give up after the second.
		if tries := strings.Count(w.NATS[0].Tail(1<<30), "authentication error"); tries < 4 {
			return fmt.Errorf("it has tried %d times", tries)
		}
		return nil
	})
	w.Must(w.NATS[0].Stop())
	w.NATS[0].Spec = w.NATS[0].Spec.With(map[string]string{"ODASYNC_WATCHER_PASSWORD": password("watcher")})
	w.RestartNATS()
	w.AwaitReady(watcher, standby)
	w.Apply(testenv.Component(w.namespace, "after", "1", "first"))
	w.AwaitInSync(testenv.Timeout)
}

// TestMutualTLS switches on what odasync.conf has as comments.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	w := &worker{Env: testenv.NewWithoutNATS(t, shared, "security-mutual"), authority: newAuthority(t), namespace: "security-mutual"}
	w.server()
	w.client("watcher")
	w.client("syncer")
	folder := t.TempDir()
	for _, name := range []string{"odasync.conf", "accounts.conf"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(configFile(t)), name))
		w.Must(err)
		changed := strings.NewReplacer("# ca_file:", "ca_file:", "# verify:", "verify:").Replace(string(text))
		if name == "odasync.conf" && strings.Count(changed, "ca_file:") != 1 {
			t.Fatalf("%s has no mutual TLS to switch on:\n%s", name, text)
		}
		w.Must(os.WriteFile(filepath.Join(folder, name), []byte(changed), 0o600))
	}
	w.config = filepath.Join(folder, "odasync.conf")
	w.start(w.Env)
	with := func(role string) map[string]string {
		return map[string]string{"NATS_TLS_CERT": w.file(role + ".crt"), "NATS_TLS_KEY": w.file(role + ".key")}
	}
	w.AwaitReady(
		w.Start(w.WatcherSpec("watcher", w.clientEnv(w.NATSURL, "watcher")).With(with("watcher"))),
		w.Start(w.SyncerSpec("syncer", w.clientEnv(w.NATSURL, "syncer")).With(with("syncer"))),
	)
	code, out := w.run("ctl", "list") // without a certificate
	if code != 2 {
		t.Errorf("ctl without a certificate ends with %d", code)
	}
	tells(t, out, "connect to nats", "NATS_TLS files")
}

func tells(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(out, word) {
			t.Errorf("does not say %q:\n%s", word, out)
		}
	}
}
