package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// missingFor is how long something stays missing: long enough for several retries.
const missingFor = 3 * time.Second

// expectLoggedOnce fails the test unless exactly one entry with the message and the error was logged.
func (env *environment) expectLoggedOnce(p *procs.Process, message, text string) {
	env.Helper()
	if entries := p.Logged(testenv.Logs(message, map[string]string{"error": text})); len(entries) != 1 {
		env.Errorf("%s logs %q with %q %d times, want once: %v", p.Spec.Name, message, text, len(entries), p.Logged(testenv.Logs(message, nil)))
	}
}

// TestStart_WithoutKubeconfig starts a watcher before its kubeconfig exists.
func TestStart_WithoutKubeconfig(t *testing.T) {
	env := newParallel(t, "e2e-no-kubeconfig")
	path := filepath.Join(t.TempDir(), "config")
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	env.AwaitNotReady(watcher, "not kubernetes: ")
	env.Must(procs.Pause(t.Context(), missingFor))
	env.expectLoggedOnce(watcher, "cannot use the Kubernetes API", "set KUBECONFIG to a kubeconfig file")

	text, err := os.ReadFile(shared.Kubeconfig)
	env.Must(err)
	env.Must(os.WriteFile(path, text, 0o600))
	env.AwaitReady(watcher)
}

// TestStart_WithWrongToken starts a watcher with an invalid token, until the file has the right one.
func TestStart_WithWrongToken(t *testing.T) {
	env := newParallel(t, "e2e-wrong-token")
	token := filepath.Join(t.TempDir(), "token")
	env.Must(os.WriteFile(token, []byte("wrong"), 0o600))
	right := ""
	path := env.kubeconfig(func(config *clientcmdapi.Config) {
		for name, user := range config.AuthInfos {
			right = user.Token
			config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: token}
		}
	})
	if right == "" {
		t.Fatal("the cluster's kubeconfig has no token")
	}
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	env.AwaitNotReady(watcher, "does not accept the credentials (401)")
	env.Must(procs.Pause(t.Context(), missingFor))
	env.expectLoggedOnce(watcher, "no access to the lease, retrying", "check the token or client certificate")

	env.Must(os.WriteFile(token, []byte(right), 0o600))
	env.Apply(testenv.Component("e2e-wrong-token", "late", "1", "first"))
	env.Start(env.SyncerSpec("syncer", nil))
	env.Must(watcher.AwaitReady(env.Within(2 * time.Minute))) // the file is read once a minute
	env.AwaitInSync(testenv.Timeout)
}

// TestStart_WithoutAPIServer starts a watcher whose API server is unreachable.
func TestStart_WithoutAPIServer(t *testing.T) {
	env := newParallel(t, "e2e-nowhere")
	path := env.kubeconfig(env.unreachable)
	watcher := env.Start(env.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	env.AwaitNotReady(watcher, "API server unreachable")
	env.Must(procs.Pause(t.Context(), missingFor))
	env.expectLoggedOnce(watcher, "no access to the lease, retrying", "connection refused")
}

// TestStart_WithoutNATS starts watcher and syncer before NATS.
func TestStart_WithoutNATS(t *testing.T) {
	env := newParallel(t, "e2e-no-nats")
	env.NATS[0].Kill()
	watcher := env.Start(env.WatcherSpec("watcher", nil))
	syncer := env.Start(env.SyncerSpec("syncer", nil))
	for _, p := range []*procs.Process{watcher, syncer} {
		env.AwaitNotReady(p, "not connected to "+env.NATSURL)
	}
	env.Apply(testenv.Component("e2e-no-nats", "early", "1", "first"))
	env.Must(procs.Pause(t.Context(), missingFor))
	for _, p := range []*procs.Process{watcher, syncer} {
		env.expectLoggedOnce(p, "nats is not reachable, trying again", "connection refused")
	}
	env.RestartNATS()
	env.AwaitReady(watcher, syncer)
	env.AwaitInSync(testenv.Timeout)
}

// TestStart_WithoutRegistry starts a syncer before its registry.
func TestStart_WithoutRegistry(t *testing.T) {
	env := newParallel(t, "e2e-no-registry")
	env.Registry.Stop()
	env.Apply(testenv.Component("e2e-no-registry", "early-1", "1", "first"), testenv.Component("e2e-no-registry", "early-2", "1", "first"))
	_, syncer := env.Start(env.WatcherSpec("watcher", nil)), env.Start(env.SyncerSpec("syncer", nil))
	env.AwaitNotReady(syncer, "not registry: ")
	env.Must(procs.Pause(t.Context(), missingFor))
	env.expectLoggedOnce(syncer, "syncer is not running", "connection refused")
	testcheck.Equal(t, "Components that failed for good although only the registry is unavailable", 0, env.Metric(syncer, `odasync_events_handled_total{outcome="failed"}`))
	env.Registry.Start()
	env.AwaitReady(syncer)
	env.AwaitInSync(testenv.Timeout)
}

// TestStart_InvalidConfiguration exits at once with every problem, and prints no secret.
func TestStart_InvalidConfiguration(t *testing.T) {
	t.Parallel()
	env := &environment{&testenv.Env{TB: t, Group: procs.ForTest(t)}}
	for _, test := range []struct {
		name string
		spec procs.Spec
		says []string
	}{
		{"watcher", procs.Watcher("watcher", map[string]string{"LEASE_DURATION": "1s", "NATS_URL": "http://x"}), []string{"LEASE_DURATION is", "NATS_URL is"}},
		{"syncer", procs.Syncer("syncer", map[string]string{"SYNC_CONCURRENCY": "0", "COMPONENT_REGISTRY_URL": "ftp://ada:secret@x"}), []string{"SYNC_CONCURRENCY is", "COMPONENT_REGISTRY_URL is"}},
		{"ctl run", procs.Run("ctl", t.TempDir(), "127.0.0.1:0", map[string]string{"COMPONENT_NAME_FORMAT": "x", "LOG_LEVEL": "loud"}), []string{"COMPONENT_NAME_FORMAT is", "LOG_LEVEL is"}},
	} {
		p := env.Start(test.spec)
		code, err := p.Wait(env.Within(testenv.Timeout))
		env.Must(err)
		testcheck.Equal(t, fmt.Sprintf("exit code of %s", test.name), 2, code)
		env.ExpectText(p.Tail(20), test.says...)
		if strings.Contains(p.Tail(20), "secret") {
			t.Errorf("%s prints a password:\n%s", test.name, p.Tail(20))
		}
	}
}
