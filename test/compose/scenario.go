package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
)

// count is the number of components at the start.
const count = 20

// scenario runs the steps in order.
func scenario(ctx context.Context, p *project) error {
	for _, step := range []func(context.Context, *project) error{
		build, comeUp, checkHardening, scaleOut, restartNATS, killWatcher, restartEach, goDownAndUp,
	} {
		if err := step(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// comeUp starts the demo.
func comeUp(ctx context.Context, p *project) error {
	for i := range count {
		if err := p.manifests.write("1.0.0", i); err != nil {
			return err
		}
	}
	if _, err := p.compose(ctx, "up", "--detach", "demo"); err != nil {
		return err
	}
	return errors.Join(p.demo(ctx, 1), p.inSync(ctx, "up"))
}

// scaleOut changes, deletes and adds components with three syncers.
func scaleOut(ctx context.Context, p *project) error {
	if _, err := p.compose(ctx, "up", "--detach", "--scale", "syncer=3", "demo"); err != nil {
		return err
	}
	if err := p.demo(ctx, 3); err != nil {
		return err
	}
	err := errors.Join(p.manifests.write("1.1.0", 0, 1, 2, 3, 4, 5, 6, 7, 20, 21), p.manifests.delete(18, 19))
	return errors.Join(err, p.inSync(ctx, "three syncers"))
}

// restartNATS changes components while NATS is stopped.
func restartNATS(ctx context.Context, p *project) error {
	if _, err := p.compose(ctx, "stop", "nats"); err != nil {
		return err
	}
	if err := errors.Join(p.manifests.write("1.2.0", 2, 3, 22), p.manifests.delete(4)); err != nil {
		return err
	}
	if _, err := p.compose(ctx, "start", "nats"); err != nil {
		return err
	}
	return errors.Join(p.inSync(ctx, "NATS restarted"), p.demo(ctx, 3))
}

// killWatcher kills the watching process, as the kernel does when memory is short. Docker restarts it.
func killWatcher(ctx context.Context, p *project) error {
	ids, err := p.containers(ctx, "demo")
	if err != nil || len(ids) != 1 {
		return errors.Join(fmt.Errorf("find the watcher: %d containers", len(ids)), err)
	}
	first, err := process(ctx, ids[0])
	if err != nil {
		return err
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the watcher: %w", err)
	}
	if err := errors.Join(p.manifests.write("1.3.0", 5, 6, 23), p.manifests.delete(7)); err != nil {
		return err
	}
	if err := errors.Join(p.inSync(ctx, "watcher killed"), p.demo(ctx, 3)); err != nil {
		return err
	}
	restarts, err := docker(ctx, "inspect", "--format", "{{.RestartCount}}", ids[0])
	if err == nil && restarts != "1" {
		err = fmt.Errorf("the watcher's container was restarted %s times, want 1", restarts)
	}
	return err
}

// restartEach restarts one service after the other, with a change before each restart and one after.
func restartEach(ctx context.Context, p *project) error {
	for i, service := range []string{"nats", "registry", "syncer", "demo"} {
		version := fmt.Sprintf("2.%d", i)
		if err := p.manifests.write(version+".0", 8, 9); err != nil {
			return err
		}
		if _, err := p.compose(ctx, "restart", service); err != nil {
			return err
		}
		if err := p.manifests.write(version+".1", 9, 10); err != nil {
			return err
		}
		if err := errors.Join(p.inSync(ctx, service+" restarted"), p.demo(ctx, 3)); err != nil {
			return err
		}
	}
	return nil
}

// goDownAndUp changes components while there is no container. The stream continues where it was, since its volume is kept,
// and the registry, which is in memory, is filled again from it.
func goDownAndUp(ctx context.Context, p *project) error {
	stream, err := p.sequences(ctx)
	if err != nil {
		return err
	}
	if _, err := p.compose(ctx, "--profile", "demo", "down"); err != nil {
		return err
	}
	for _, service := range []string{"nats", "registry", "syncer", "demo"} {
		if ids, err := p.containers(ctx, service); err != nil || len(ids) > 0 {
			return errors.Join(fmt.Errorf("%d containers of %s are left after down", len(ids), service), err)
		}
	}
	if err := errors.Join(p.manifests.write("3.0.0", 11, 24), p.manifests.delete(10)); err != nil {
		return err
	}
	if _, err := p.compose(ctx, "up", "--detach", "demo"); err != nil {
		return err
	}
	if err := errors.Join(p.inSync(ctx, "down and up"), p.demo(ctx, 1)); err != nil {
		return err
	}
	later, err := p.sequences(ctx)
	if err != nil {
		return err
	}
	for name := range maps.Keys(p.manifests.versions) {
		if name == componentName(11) || name == componentName(24) {
			continue
		}
		if stream[name] == 0 || stream[name] != later[name] {
			return fmt.Errorf("%s has sequence %d after down and up, had %d", name, later[name], stream[name])
		}
	}
	if later[componentName(11)] <= stream[componentName(11)] {
		return fmt.Errorf("%s has sequence %d, not above the earlier %d", componentName(11), later[componentName(11)], stream[componentName(11)])
	}
	return nil
}

// process returns the id of a container's first process on this machine.
func process(ctx context.Context, id string) (int, error) {
	text, err := docker(ctx, "inspect", "--format", "{{.State.Pid}}", id)
	if err != nil {
		return 0, err
	}
	var pid int
	if _, err := fmt.Sscan(strings.TrimSpace(text), &pid); err != nil || pid <= 1 {
		return 0, errors.Join(fmt.Errorf("container %s has process %q", id, text), err)
	}
	return pid, nil
}
