package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/logtest"
)

// TestRunHelp shows that the embedded registry's usual address is that of the collector's default.
func TestRunHelp(t *testing.T) {
	environment(t, nil)
	if help := ctl(t, "run", "--help"); !strings.Contains(help.stdout, `(default: "127.0.0.1:8000")`) {
		t.Errorf("ctl run --help says:\n%s", help.stdout)
	}
}

func TestRunWhereTheRegistrysPortIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	environment(t, map[string]string{"MONITORING_ENABLED": "false"})
	ctl(t, "run", "--manifests", t.TempDir(), "--data-dir", t.TempDir(), "--registry-listen", listener.Addr().String()).
		expect(t, 2, "embed the registry", "address already in use", "--registry-listen", "set COMPONENT_REGISTRY_URL")
}

func TestRunWhereTheMonitoringPortIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{"MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": port})
	ctl(t, "run", "--manifests", t.TempDir(), "--data-dir", t.TempDir()).expect(t, 2, "MONITORING_PORT")
}

func TestRunFollowsAFolder(t *testing.T) {
	address := nobody(t)
	environment(t, map[string]string{"MONITORING_ENABLED": "false", "KUBERNETES_NAMESPACE": "all", "LOG_LEVEL": "WARNING", "SYNC_INTERVAL": "1s"})
	dir, data := t.TempDir(), t.TempDir()
	catalog := manifest(t, dir, "shop", "catalog", "1.0.0")
	manifest(t, dir, "shop", "orders", "1.0.0")
	writeFile(t, dir+"/broken.yaml", "kind: Component\n  metadata: [")

	run := start(t, "run", "--manifests", dir, "--data-dir", data, "--registry-listen", address)
	run.shows(t, address, "catalog 1.0.0", "orders 1.0.0")
	run.expectWords(t, "embedded NATS JetStream at nats://127.0.0.1:", "embedded reference registry at http://"+address, "broken.yaml")

	changed := time.Now()
	manifest(t, dir, "shop", "orders", "2.0.0")
	run.shows(t, address, "catalog 1.0.0", "orders 2.0.0")
	// Nobody knows what the broken file holds: while it stands, nothing is gone for lack of a manifest.
	manifest(t, dir, "shop", "ledger", "1.0.0")
	if err := os.Remove(catalog); err != nil {
		t.Fatal(err)
	}
	run.shows(t, address, "catalog 1.0.0", "ledger 1.0.0", "orders 2.0.0")
	if err := os.Remove(dir + "/broken.yaml"); err != nil {
		t.Fatal(err)
	}
	run.shows(t, address, "ledger 1.0.0", "orders 2.0.0")
	t.Logf("a change and a removal took %s", time.Since(changed))
	run.stop(t)

	writeFile(t, dir+"/broken.yaml", "kind: Component\n  metadata: [")
	manifest(t, dir, "shop", "usage", "1.0.0")
	if err := os.Remove(dir + "/shop-orders.yaml"); err != nil {
		t.Fatal(err)
	}
	again := start(t, "run", "--manifests", dir, "--data-dir", data, "--registry-listen", address)
	again.shows(t, address, "ledger 1.0.0", "orders 2.0.0", "usage 1.0.0") // alike at a start
	if err := os.Remove(dir + "/broken.yaml"); err != nil {
		t.Fatal(err)
	}
	again.shows(t, address, "ledger 1.0.0", "usage 1.0.0")
	again.stop(t)
}

// running is a command that goes on until it is stopped.
type running struct {
	cancel         context.CancelFunc
	ended          chan int
	stdout, stderr logtest.Buffer
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, ended: make(chan int, 1)}
	go func() { r.ended <- cli.Execute(ctx, append([]string{"ctl"}, args...), &r.stdout, &r.stderr) }()
	t.Cleanup(cancel)
	return r
}

// stop expects an orderly end.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case code := <-r.ended:
		result{code, r.stdout.String(), r.stderr.String()}.expect(t, 0)
	case <-time.After(patience):
		t.Fatalf("does not stop:\n%s", r.stderr.String())
	}
}

func (r *running) expectWords(t *testing.T, words ...string) {
	t.Helper()
	result{stderr: r.stderr.String()}.expect(t, 0, words...)
}

// shows waits until the registry at the address shows exactly these components, as name and version.
func (r *running) shows(t *testing.T, address string, want ...string) {
	t.Helper()
	eventually(t, func() error {
		select {
		case code := <-r.ended:
			t.Fatalf("ended with exit code %d:\n%s", code, r.stderr.String())
		default:
		}
		have, err := shownAt(t.Context(), address)
		if err == nil && !slices.Equal(want, have) {
			err = errors.New(cmp.Diff(want, have))
		}
		if err != nil {
			return fmt.Errorf("%w\n%s", err, r.stderr.String())
		}
		return nil
	})
}

func shownAt(ctx context.Context, address string) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/components/", nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var rows []struct {
		Name   string
		Labels []struct{ Key, Value string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&rows); err != nil {
		return nil, err
	}
	var all []string
	for _, row := range rows {
		for _, label := range row.Labels {
			if label.Key == "component-version" {
				all = append(all, row.Name+" "+label.Value)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}
