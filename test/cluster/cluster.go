package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"odasync/internal/testcheck"
)

// startTimeout is long enough for a machine that builds and tests at the same time.
const startTimeout = 90 * time.Second

// Cluster is one running devcluster.
type Cluster struct {
	// Kubeconfig is the admin's, WatcherKubeconfig that of the service account odasync-watcher in the namespace canvas,
	// which has no permissions until they are granted.
	Kubeconfig        string
	WatcherKubeconfig string
	Server            string       // URL of the API server, constant for the cluster's lifetime
	Config            *rest.Config // of the admin
	Admin             dynamic.Interface

	dir     string
	ready   string
	command *exec.Cmd
	ended   chan error
}

// ready is the ready file of devcluster.
type ready struct {
	Server            string
	Kubeconfig        string
	WatcherKubeconfig string
	APIServerStarts   int
}

// Start runs a cluster for the duration of a test. The arguments are devcluster's own, such as --versions=v1.
func Start(t testing.TB, arguments ...string) *Cluster {
	t.Helper()
	c, err := Run(arguments...)
	testcheck.NoError(t, err)
	t.Cleanup(func() {
		testcheck.ErrorIs(t, "stop", nil, c.Stop())
	})
	return c
}

// Run starts a cluster that lives until Stop: for a TestMain.
func Run(arguments ...string) (*Cluster, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "odasync-cluster-")
	if err != nil {
		return nil, fmt.Errorf("create the cluster's folder: %w", err)
	}
	c := &Cluster{dir: dir, ready: filepath.Join(dir, "ready.json"), ended: make(chan error, 1)}
	log, err := os.Create(filepath.Join(dir, "devcluster.log"))
	if err != nil {
		return nil, fmt.Errorf("create the cluster's log: %w", err)
	}
	defer log.Close()
	c.command = exec.Command(binary, append([]string{"--dir", filepath.Join(dir, "data"), "--ready-file", c.ready}, arguments...)...)
	c.command.Stdout, c.command.Stderr = log, log
	// A killed test cannot stop its processes.
	c.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	command := c.command // Stop takes the field away
	go func() { c.ended <- command.Wait() }()

	info, err := c.await(1)
	if err == nil {
		c.Kubeconfig, c.WatcherKubeconfig, c.Server = info.Kubeconfig, info.WatcherKubeconfig, info.Server
		err = c.connect()
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) connect() (err error) {
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return fmt.Errorf("use the admin's kubeconfig: %w", err)
	}
	c.Config.QPS = -1 // tests write in bursts
	if c.Admin, err = dynamic.NewForConfig(c.Config); err != nil {
		return fmt.Errorf("use the admin's kubeconfig: %w", err)
	}
	return nil
}

// Restart restarts the API server and returns once it can be used again. Watches from before are over, and their
// resourceVersions expired.
func (c *Cluster) Restart() error { return c.signal(syscall.SIGHUP) }

// Compact is Restart with a compaction of etcd in between, so that past lists have expired, too.
func (c *Cluster) Compact() error { return c.signal(syscall.SIGUSR1) }

func (c *Cluster) signal(signal os.Signal) error {
	before, err := c.read()
	if err != nil {
		return err
	}
	if err := c.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal devcluster: %w", err)
	}
	_, err = c.await(before.APIServerStarts + 1)
	return err
}

// Stop stops the cluster and removes its data. Further calls have no effect.
func (c *Cluster) Stop() error {
	if c.command == nil {
		return nil
	}
	command := c.command
	c.command = nil
	defer os.RemoveAll(c.dir)
	_ = command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case err := <-c.ended:
		if err != nil {
			return fmt.Errorf("devcluster ended with %w:\n%s", err, c.log())
		}
		return nil
	case <-time.After(startTimeout):
		_ = command.Process.Kill() // its servers end with it
		<-c.ended
		return fmt.Errorf("devcluster did not stop:\n%s", c.log())
	}
}

// await waits until the API server has started that many times and can be used.
func (c *Cluster) await(starts int) (ready, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if info, err := c.read(); err == nil && info.APIServerStarts >= starts {
			return info, nil
		}
		select {
		case err := <-c.ended:
			c.ended <- err
			return ready{}, fmt.Errorf("devcluster ended early (%v):\n%s", err, c.log()) //nolint:errorlint // it may be nil
		case <-ctx.Done():
			return ready{}, fmt.Errorf("devcluster is not ready after %s:\n%s", startTimeout, c.log())
		case <-poll.C:
		}
	}
}

func (c *Cluster) read() (ready, error) {
	var info ready
	text, err := os.ReadFile(c.ready)
	if err != nil {
		return info, fmt.Errorf("read devcluster's state: %w", err)
	}
	return info, json.Unmarshal(text, &info)
}

func (c *Cluster) log() []byte {
	text, _ := os.ReadFile(filepath.Join(c.dir, "devcluster.log"))
	return text
}

// find returns the path of the devcluster binary. Tests run in their package's folder, two below the root.
func find() (string, error) {
	folder := os.Getenv("DEVCLUSTER_BIN")
	if folder == "" {
		folder = filepath.Join("..", "..", "bin", "devcluster")
	}
	binary, err := filepath.Abs(filepath.Join(folder, "devcluster"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("find devcluster: %w: build it with test/devcluster/build.sh bin/devcluster, or set DEVCLUSTER_BIN to its folder", err)
	}
	return binary, nil
}
