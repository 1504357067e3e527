package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"odasync/test/devcluster/internal/cluster"
)

// runVariable makes the test program be devcluster itself, so that the tests
// run the code beside them and need only the servers built before.
const runVariable = "DEVCLUSTER_TEST_RUN"

// patience is long for the sake of busy machines.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(runVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A running is a devcluster process.
type running struct {
	t       *testing.T
	cmd     *exec.Cmd
	ready   string // the path of its ready file
	stdout  bytes.Buffer
	stderr  lockedBuffer
	done    chan struct{}
	waitErr error // valid once done is closed
}

// start starts devcluster with the servers of $DEVCLUSTER_BIN.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	bin := os.Getenv("DEVCLUSTER_BIN")
	if bin == "" {
		t.Fatal("DEVCLUSTER_BIN is not set: build the servers with build.sh OUTDIR and set it to OUTDIR as an absolute path")
	}
	r := &running{t: t, ready: filepath.Join(t.TempDir(), "ready.json"), done: make(chan struct{})}
	r.cmd = exec.Command(os.Args[0], append([]string{"--bin", bin, "--ready-file", r.ready}, args...)...)
	r.cmd.Env = append(os.Environ(), runVariable+"=1", "TMPDIR="+t.TempDir())
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	// Keeps a Ctrl-C for the tests from it: the cleanup stops it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.waitErr = r.cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		<-r.done
		if t.Failed() {
			t.Logf("devcluster said:\n%s", r.stderr.String())
		}
	})
	return r
}

// info waits until the API server has been started at least so many times and
// is ready.
func (r *running) info(starts int) cluster.Info {
	r.t.Helper()
	var info cluster.Info
	r.eventually("the ready file", func() error {
		select {
		case <-r.done:
			r.t.Fatalf("devcluster ended: %v", r.waitErr)
		default:
		}
		text, err := os.ReadFile(r.ready)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &info); err != nil {
			return err
		}
		if info.APIServerStarts < starts {
			return errors.New("not restarted yet")
		}
		return nil
	})
	return info
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (r *running) exit() int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("devcluster has not ended after %s", patience)
	}
	return r.cmd.ProcessState.ExitCode()
}

// silent waits until nothing listens at the ports any more.
func (r *running) silent(ports ...int) {
	r.t.Helper()
	for _, port := range ports {
		r.eventually("the end of the servers", func() error {
			connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				return nil
			}
			connection.Close()
			return errors.New("port " + strconv.Itoa(port) + " is still open")
		})
	}
}

func (r *running) eventually(what string, check func() error) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func client(t *testing.T, kubeconfig string) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.WarningHandler = rest.NoWarnings{} // v1beta2 is deprecated
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return dynamicClient
}

// A lockedBuffer is read while the process still writes.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}
