package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// daemon is the Docker daemon in use.
type daemon struct {
	own   *exec.Cmd // nil for a daemon that was already running
	ended chan error
}

// findDaemon uses the running daemon, or starts one.
func findDaemon(ctx context.Context) (*daemon, error) {
	if _, err := docker(ctx, "version"); err == nil {
		say("using the running Docker daemon")
		return new(daemon), nil
	}
	dir, err := filepath.Abs("bin/docker")
	if err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	// Image layers contain Go files. As a module of its own the folder is not part of the project.
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module docker\n"), 0o644); err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	return startDaemon(ctx, dir)
}

// startDaemon runs dockerd with everything in one folder. Without the default bridge, builds have no network, which shows
// that they need none; Compose creates a network of its own.
func startDaemon(ctx context.Context, dir string) (*daemon, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	defer log.Close()
	socket := "unix://" + filepath.Join(dir, "socket")
	d := &daemon{ended: make(chan error, 1), own: exec.Command("dockerd", "--host", socket, "--group", fmt.Sprint(os.Getgid()),
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--bridge=none", "--host-gateway-ip=127.0.0.1")}
	d.own.Stdout, d.own.Stderr = log, log
	d.own.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C reaches only the test, which stops dockerd last
	if err := d.own.Start(); err != nil {
		return nil, fmt.Errorf("start dockerd: %w: install Docker and Docker Compose (Debian: apt-get install docker.io docker-compose)", err)
	}
	go func() { d.ended <- d.own.Wait() }()
	if err := os.Setenv("DOCKER_HOST", socket); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	err = eventually(ctx, "wait for dockerd, whose log is "+log.Name(), func() error { _, err := docker(ctx, "version"); return err })
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	say("started a Docker daemon")
	return d, nil
}

// stop stops the daemon if the test started it.
func (d *daemon) stop() error {
	if d.own == nil {
		return nil
	}
	_ = d.own.Process.Signal(syscall.SIGTERM) // Wait reports a daemon that has already ended
	select {
	case err := <-d.ended:
		if err != nil {
			return fmt.Errorf("stop dockerd: %w: see bin/docker/log", err)
		}
		return nil
	case <-time.After(cleanupTimeout):
		return fmt.Errorf("stop dockerd: process %d is still running after %s", d.own.Process.Pid, cleanupTimeout)
	}
}

// docker runs a command and returns its output.
func docker(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, "docker", args...))
}

// output runs a command and returns its standard output; an error has all of its output.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, strings.TrimSpace(stdout.String()+stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
