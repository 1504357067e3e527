package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"odasync/internal/daemon"
	"odasync/internal/testcheck"
)

// TestWatch_PermissionChecksDoNotDelayTheElection has an API server that answers everything but questions about permissions.
func TestWatch_PermissionChecksDoNotDelayTheElection(t *testing.T) {
	reviewed, elected := make(chan struct{}, 1), make(chan struct{}, 1)
	notice := func(of chan struct{}) {
		select {
		case of <- struct{}{}:
		default:
		}
	}
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "selfsubjectaccessreviews"):
			notice(reviewed)
			<-stop
			return
		case strings.Contains(r.URL.Path, "leases"):
			notice(elected)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}`)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "test", "users": [{"name": "test", "user": {}}],
"clusters": [{"name": "test", "cluster": {"server": %q}}], "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}`, server.URL)
	testcheck.NoError(t, os.WriteFile(kubeconfig, []byte(text), 0o600))

	p := newPipeline(t)
	var cfg daemon.WatcherConfig
	// A review may take a third of the lease's duration: here far longer than the test waits.
	p.run(t, "odasync-watcher", map[string]string{"KUBECONFIG": kubeconfig, "LEASE_DURATION": "600s"}, cfg.Sections(),
		func(ctx context.Context, env daemon.Env) error { return daemon.Watch(ctx, &cfg, env) })
	for what, happened := range map[string]<-chan struct{}{"a permission is asked for": reviewed, "the Lease is asked for": elected} {
		select {
		case <-happened:
		case <-time.After(patience):
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
