package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"odasync/test/procs"
)

// build builds the image and compares its programs with those of make build: the same source gives the same bytes, also
// in another folder.
func build(ctx context.Context, p *project) error {
	if _, err := p.compose(ctx, "build", "syncer"); err != nil {
		return err
	}
	id, err := docker(ctx, "create", imageName)
	if err != nil {
		return err
	}
	defer docker(ctx, "rm", id) // the container never ran
	bin, err := procs.BinDir()
	if err != nil {
		return err
	}
	for _, program := range []string{"watcher", "syncer", "ctl"} {
		copied := filepath.Join(p.dir, program)
		if _, err := docker(ctx, "cp", id+":/usr/local/bin/"+program, copied); err != nil {
			return err
		}
		inside, err := os.ReadFile(copied)
		if err != nil {
			return fmt.Errorf("compare %s: %w", program, err)
		}
		outside, err := os.ReadFile(filepath.Join(bin, program))
		if err != nil {
			return fmt.Errorf("compare %s: %w: run make build", program, err)
		}
		if string(inside) != string(outside) {
			return fmt.Errorf("%s in the image differs from the one of make build: the Dockerfile and the Makefile must use the same flags, Go version and commit", program)
		}
	}
	labels, err := docker(ctx, "image", "inspect", "--format", "{{range $name, $value := .Config.Labels}}{{$name}}={{$value}}\n{{end}}", imageName)
	if err != nil {
		return err
	}
	for _, want := range []string{"title=odasync\n", "version=" + os.Getenv("VERSION") + "\n", "revision=" + os.Getenv("COMMIT") + "\n", "base.name="} {
		if !strings.Contains(labels+"\n", "org.opencontainers.image."+want) {
			return fmt.Errorf("the image lacks the label %s:\n%s", strings.TrimSpace(want), labels)
		}
	}
	if err := hasNotices(ctx, p, id); err != nil {
		return err
	}
	size, err := docker(ctx, "image", "inspect", "--format", "{{.Size}}", imageName)
	say("built the image, %s bytes; its programs equal those of make build", size)
	return err
}

// hasNotices checks that the container has the licences of what its programs contain.
func hasNotices(ctx context.Context, p *project, id string) error {
	const name = "third-party-notices.txt"
	copied := filepath.Join(p.dir, name)
	if _, err := docker(ctx, "cp", id+":/usr/share/doc/odasync/"+name, copied); err != nil {
		return err
	}
	inside, err := os.ReadFile(copied)
	if err != nil {
		return fmt.Errorf("compare %s: %w", name, err)
	}
	outside, err := os.ReadFile(filepath.Join("docs", name))
	if err == nil && string(inside) != string(outside) {
		err = fmt.Errorf("the one in the image differs from docs/%s", name)
	}
	return err
}

// checkHardening inspects the running processes, and tries to write to their root filesystems.
func checkHardening(ctx context.Context, p *project) error {
	for service, user := range map[string]string{"nats": "0", "registry": "65532", "syncer": "65532", "demo": "65532"} {
		ids, err := p.containers(ctx, service)
		if err != nil || len(ids) == 0 {
			return errors.Join(fmt.Errorf("no container of %s", service), err)
		}
		pid, err := process(ctx, ids[0])
		if err != nil {
			return err
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return fmt.Errorf("read the status of %s: %w", service, err)
		}
		for field, want := range map[string]string{"Uid": user, "Gid": user, "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1"} {
			if got := statusField(string(status), field); got != want {
				return fmt.Errorf("the process of %s has %s %s, want %s", service, field, got, want)
			}
		}
		mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
		if err != nil {
			return fmt.Errorf("read the mounts of %s: %w", service, err)
		}
		if options := rootOptions(string(mounts)); !slices.Contains(options, "ro") {
			return fmt.Errorf("the root filesystem of %s is mounted with %v, want ro", service, options)
		}
		// Not even root can write there.
		err = os.WriteFile(fmt.Sprintf("/proc/%d/root/usr/local/bin/file", pid), nil, 0o644)
		if !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("write to the root filesystem of %s: %v, want: %w", service, err, syscall.EROFS) //nolint:errorlint // the first may be nil
		}
	}
	say("odasync runs as user 65532; all services run without capabilities, on read-only root filesystems")
	return nil
}

// statusField returns the first value of a line of /proc/PID/status.
func statusField(status, name string) string {
	for _, line := range strings.Split(status, "\n") {
		if value, is := strings.CutPrefix(line, name+":"); is {
			return strings.Fields(value)[0]
		}
	}
	return ""
}

// rootOptions returns the mount options of the root in /proc/PID/mounts.
func rootOptions(mounts string) []string {
	for _, line := range strings.Split(mounts, "\n") {
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] == "/" {
			return strings.Split(fields[3], ",")
		}
	}
	return nil
}
