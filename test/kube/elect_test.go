package kube_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/kube"
	"odasync/internal/kube/elector"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// frozenVariable turns the test binary into a leader that constantly prints whether its Lease is fresh.
const frozenVariable = "ODASYNC_TEST_FROZEN"

func runFrozen() {
	var cfg kube.Config
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fail(envconfig.Process(context.Background(), &cfg))
	client, err := kube.NewClient(cfg, "test", zerolog.Nop())
	fail(err)
	e := elector.New(cfg, client, zerolog.Nop())
	fail(e.Run(context.Background(), func(ctx context.Context) error {
		for ctx.Err() == nil {
			fmt.Println(e.Fresh())
			time.Sleep(time.Millisecond)
		}
		fmt.Println("ended")
		return nil
	}))
}

// TestElector_FrozenLeader freezes a process for longer than its Lease: the Lease must not be fresh when the process resumes.
func TestElector_FrozenLeader(t *testing.T) {
	cfg := configure(t, admin("LEASE_NAMESPACE", "canvas", "LEASE_NAME", "frozen", "LEASE_DURATION", "3s"))
	frozen := exec.Command(os.Args[0])
	frozen.Env = append(os.Environ(), frozenVariable+"=1", "KUBECONFIG="+shared.Kubeconfig, "LEASE_NAMESPACE=canvas", "LEASE_NAME=frozen", "LEASE_DURATION=3s")
	frozen.Stderr = os.Stderr
	frozen.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := frozen.StdoutPipe()
	testcheck.NoError(t, err)
	testcheck.NoError(t, frozen.Start())
	t.Cleanup(func() {
		_ = frozen.Process.Kill()
		_ = frozen.Wait()
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	next := func() string {
		select {
		case line := <-lines:
			return line
		case <-time.After(testwait.Limit):
			t.Fatal("no output from the process")
			return ""
		}
	}
	testcheck.MustEqual(t, "the first line", "true", next())
	testcheck.NoError(t, frozen.Process.Signal(syscall.SIGSTOP))
	for drained := false; !drained; { // output from before the freeze
		select {
		case <-lines:
		case <-time.After(200 * time.Millisecond):
			drained = true
		}
	}

	client := testcheck.Must(kube.NewClient(cfg, "test", zerolog.Nop()))
	e, leads := elect(t, client, cfg)
	awaitLead(t, e, leads, "the second process does not take over") // the Lease has expired
	testcheck.NoError(t, frozen.Process.Signal(syscall.SIGCONT))
	var resumed []string
	for len(resumed) == 0 || resumed[len(resumed)-1] != "ended" {
		resumed = append(resumed, next())
	}
	// The first line may have been determined before the freeze.
	if rest := strings.Join(resumed[1:], " "); strings.Contains(rest, "true") {
		t.Errorf("resumed, it prints %q", resumed)
	}
}

func TestElector_HandOver(t *testing.T) {
	env := admin("LEASE_NAMESPACE", "canvas", "LEASE_NAME", "hand-over")
	first, cfg := watcherClient(t, env)
	second, _ := watcherClient(t, env)
	var released time.Time
	t.Run("the first leads", func(t *testing.T) {
		e, leads := elect(t, first, cfg)
		awaitLead(t, e, leads, "does not lead")
	})
	released = time.Now()
	e, leads := elect(t, second, cfg)
	awaitLead(t, e, leads, "does not take over")
	testcheck.AtMost(t, "time until taken over", 2*time.Second, time.Since(released))
}
