package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// outage is how long something stays missing, so that several retries happen.
const outage = 3 * time.Second

// saidOnce fails unless exactly one line with the message and the words was logged.
func (l *place) saidOnce(p *procs.Process, message, words string) {
	l.Helper()
	if said := p.Logged(testenv.Logs(message, map[string]string{"error": words})); len(said) != 1 {
		l.Errorf("%s says %q with %q %d times, want once: %v", p.Spec.Name, message, words, len(said), p.Logged(testenv.Logs(message, nil)))
	}
}

// TestStartWithoutKubeconfig starts a watcher before its kubeconfig exists.
func TestStartWithoutKubeconfig(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-no-kubeconfig")
	path := filepath.Join(t.TempDir(), "config")
	watcher := l.Start(l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "not kubernetes: "))
	l.Must(procs.Pause(t.Context(), outage))
	l.saidOnce(watcher, "cannot use the Kubernetes API", "set KUBECONFIG to a kubeconfig file")

	text, err := os.ReadFile(shared.Kubeconfig)
	l.Must(err)
	l.Must(os.WriteFile(path, text, 0o600))
	l.AwaitReady(watcher)
}

// TestStartWithWrongToken starts a watcher whose token the API server does not know, until the file has the right one.
func TestStartWithWrongToken(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-wrong-token")
	token := filepath.Join(t.TempDir(), "token")
	l.Must(os.WriteFile(token, []byte("wrong"), 0o600))
	config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
	l.Must(err)
	right := ""
	for name, user := range config.AuthInfos {
		right = user.Token
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: token}
	}
	if right == "" {
		t.Fatal("the cluster's kubeconfig has no token")
	}
	path := filepath.Join(t.TempDir(), "config")
	l.Must(clientcmd.WriteToFile(*config, path))

	watcher := l.Start(l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "does not accept the credentials (401)"))
	l.Must(procs.Pause(t.Context(), outage))
	l.saidOnce(watcher, "no access to the Lease, retrying", "check the token or client certificate")

	l.Must(os.WriteFile(token, []byte(right), 0o600))
	l.Apply(testenv.Component("e2e-wrong-token", "late", "1", "first"))
	l.Start(l.SyncerSpec("syncer", nil))
	l.Must(watcher.AwaitReady(l.Within(2 * time.Minute))) // the file is read once a minute
	l.AwaitInSync(testenv.Timeout)
}

// TestStartWithoutAPIServer starts a watcher whose kubeconfig leads nowhere.
func TestStartWithoutAPIServer(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-nowhere")
	config, err := clientcmd.LoadFromFile(shared.Kubeconfig)
	l.Must(err)
	port, err := procs.FreePort()
	l.Must(err)
	for _, server := range config.Clusters {
		server.Server = "https://127.0.0.1:" + strconv.Itoa(port)
	}
	path := filepath.Join(t.TempDir(), "config")
	l.Must(clientcmd.WriteToFile(*config, path))
	watcher := l.Start(l.WatcherSpec("watcher", map[string]string{"KUBECONFIG": path}))
	l.Must(watcher.AwaitNotReady(l.Within(testenv.Timeout), "API server unreachable"))
	l.Must(procs.Pause(t.Context(), outage))
	l.saidOnce(watcher, "no access to the Lease, retrying", "connection refused")
}

// TestStartWithoutNATS starts both daemons before NATS.
func TestStartWithoutNATS(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-no-nats")
	l.NATS[0].Kill()
	watcher := l.Start(l.WatcherSpec("watcher", nil))
	syncer := l.Start(l.SyncerSpec("syncer", nil))
	for _, p := range []*procs.Process{watcher, syncer} {
		l.Must(p.AwaitNotReady(l.Within(testenv.Timeout), "not connected to "+l.NATSURL))
	}
	l.Apply(testenv.Component("e2e-no-nats", "early", "1", "first"))
	l.Must(procs.Pause(t.Context(), outage))
	for _, p := range []*procs.Process{watcher, syncer} {
		l.saidOnce(p, "nats is not reachable, trying again", "connection refused")
	}
	l.RestartNATS()
	l.AwaitReady(watcher, syncer)
	l.AwaitInSync(testenv.Timeout)
}

// TestStartWithoutRegistry starts a syncer before its registry.
func TestStartWithoutRegistry(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-no-registry")
	l.Registry.Stop()
	l.Apply(testenv.Component("e2e-no-registry", "early-1", "1", "first"), testenv.Component("e2e-no-registry", "early-2", "1", "first"))
	_, syncer := l.Start(l.WatcherSpec("watcher", nil)), l.Start(l.SyncerSpec("syncer", nil))
	l.Must(syncer.AwaitNotReady(l.Within(testenv.Timeout), "not registry: "))
	l.Must(procs.Pause(t.Context(), outage))
	l.saidOnce(syncer, "the registry does not take writes, trying again", "connection refused")
	if failed := l.Metric(syncer, `odasync_events_handled_total{outcome="failed"}`); failed != 0 {
		t.Errorf("%v Components failed for good although only the registry is away", failed)
	}
	l.Registry.Start()
	l.AwaitReady(syncer)
	l.AwaitInSync(testenv.Timeout)
}

// TestWrongConfiguration ends at once, with every problem named and no secret shown.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	l := &place{&testenv.Env{TB: t, Group: procs.ForTest(t)}}
	for _, test := range []struct {
		name string
		spec procs.Spec
		says []string
	}{
		{"watcher", procs.Watcher("watcher", map[string]string{"LEASE_DURATION": "1s", "NATS_URL": "http://x"}), []string{"LEASE_DURATION is", "NATS_URL is"}},
		{"syncer", procs.Syncer("syncer", map[string]string{"SYNC_CONCURRENCY": "0", "COMPONENT_REGISTRY_URL": "ftp://ada:secret@x"}), []string{"SYNC_CONCURRENCY is", "COMPONENT_REGISTRY_URL is"}},
		{"ctl run", procs.Run("ctl", t.TempDir(), "127.0.0.1:0", map[string]string{"COMPONENT_NAME_FORMAT": "x", "LOG_LEVEL": "loud"}), []string{"COMPONENT_NAME_FORMAT is", "LOG_LEVEL is"}},
	} {
		p := l.Start(test.spec)
		code, err := p.Wait(l.Within(testenv.Timeout))
		l.Must(err)
		if code != 2 {
			t.Errorf("%s: exit code %d, want 2", test.name, code)
		}
		for _, words := range test.says {
			if !strings.Contains(p.Tail(20), words) {
				t.Errorf("%s: no %q in:\n%s", test.name, words, p.Tail(20))
			}
		}
		if strings.Contains(p.Tail(20), "secret") {
			t.Errorf("%s shows a password:\n%s", test.name, p.Tail(20))
		}
	}
}
