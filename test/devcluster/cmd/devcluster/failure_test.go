package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"odasync/test/devcluster/internal/cluster"
)

func TestDataIsKeptForTheNextStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "--dir", dir)
	admin := client(t, r.info(1).Kubeconfig)
	object := newComponent("v1", "kept", map[string]any{})
	if _, err := components(admin, "v1").Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	// Another devcluster is refused the folder while this one runs.
	second := start(t, "--dir", dir)
	if code := second.exit(); code != 1 {
		t.Errorf("exit code of a second devcluster with the same folder: %d, want 1", code)
	}
	if !strings.Contains(second.stderr.String(), "another devcluster uses it") {
		t.Errorf("the second devcluster does not name the reason: %s", second.stderr.String())
	}

	r.signal(syscall.SIGTERM)
	if code := r.exit(); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}

	// It is served in other versions now, one of them.
	kubeconfig := filepath.Join(t.TempDir(), "made", "kubeconfig")
	r = start(t, "--dir", dir, "--kubeconfig", kubeconfig, "--versions", "v1beta3")
	info := r.info(1)
	if diff := cmp.Diff([]string{"v1beta3"}, info.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	admin = client(t, kubeconfig)
	if diff := cmp.Diff([]string{"kept"}, names(t, admin)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if _, err := components(admin, "v1").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("version v1 is served")
	}
}

func TestServersEndWithDevcluster(t *testing.T) {
	r := start(t)
	info := r.info(1)
	r.signal(syscall.SIGHUP)
	r.info(2) // the thread that restarts a server must live as long as the first
	r.signal(syscall.SIGKILL)
	r.exit()
	r.silent(info.EtcdPort, info.APIServerPort)
}

func TestDeathOfAServer(t *testing.T) {
	for name, pid := range map[string]func(cluster.Info) int{
		"etcd":           func(info cluster.Info) int { return info.EtcdPID },
		"kube-apiserver": func(info cluster.Info) int { return info.APIServerPID },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			info := r.info(1)
			if err := syscall.Kill(pid(info), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if code := r.exit(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if want := name + " ended by itself (signal: killed)"; !strings.Contains(r.stderr.String(), want) {
				t.Errorf("stderr lacks %q", want)
			}
			r.silent(info.EtcdPort, info.APIServerPort)
		})
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	r := start(t, "--apiserver-arg=--no-such-flag")
	if code := r.exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	// The tail of the server's log says what was wrong.
	if want := "unknown flag: --no-such-flag"; !strings.Contains(r.stderr.String(), want) {
		t.Errorf("stderr lacks %q", want)
	}
}

func TestRefusedBeforeTheStart(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	foreign := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(foreign, []byte("current-context: production\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"an etcd port that is taken", []string{"--etcd-port", port}, 1, "check port " + port},
		{"an API server port that is taken", []string{"--apiserver-port", port}, 1, "check port " + port},
		{"a foreign kubeconfig", []string{"--kubeconfig", foreign}, 1, "not of devcluster"},
		{"a folder without the servers", []string{"--bin", t.TempDir()}, 1, "build it with"},
		{"an unknown version", []string{"--versions", "v1,v7"}, 2, `version "v7" is unknown`},
		{"an unknown flag", []string{"--etcd"}, 2, "see devcluster --help"},
		{"an argument", []string{"start"}, 2, `unexpected argument "start"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.args...)
			if code := r.exit(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(r.stderr.String(), test.stderr) {
				t.Errorf("stderr lacks %q", test.stderr)
			}
		})
	}
	if text, err := os.ReadFile(foreign); err != nil || string(text) != "current-context: production\n" {
		t.Errorf("the foreign kubeconfig is now %q (%v)", text, err)
	}
}
