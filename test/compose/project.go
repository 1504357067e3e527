package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"odasync/test/procs"
)

// projectName and imageName belong to the test, apart from any other odasync on the same daemon.
const (
	projectName = "odasync-compose-test"
	imageName   = projectName + ":test"
)

// project is the running docker-compose.yaml.
type project struct {
	command   []string // docker compose, or docker-compose
	env       []string
	dir       string // of the test
	manifests *folder
	registry  string // URL
}

func newProject(ctx context.Context, images baseImages) (*project, error) {
	p := &project{command: []string{"docker", "compose"}}
	if _, err := docker(ctx, "compose", "version"); err != nil {
		p.command = []string{"docker-compose"}
	}
	port, err := procs.FreePort()
	if err != nil {
		return nil, err
	}
	p.registry = fmt.Sprintf("http://127.0.0.1:%d", port)
	if p.dir, err = os.MkdirTemp("", "odasync-compose-"); err != nil {
		return nil, fmt.Errorf("create the test's folder: %w", err)
	}
	if p.manifests, err = newFolder(filepath.Join(p.dir, "manifests")); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.settings(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("create the test's settings: %w", err)
	}
	if err := os.WriteFile(p.override(), []byte(images.override()), 0o600); err != nil {
		return nil, fmt.Errorf("create the test's settings: %w", err)
	}
	p.env = []string{"ODASYNC_IMAGE=" + imageName, fmt.Sprintf("REGISTRY_PORT=%d", port), "MANIFESTS=" + p.manifests.dir,
		"SYNC_INTERVAL=5"} // a restarted registry is empty until the next reconcile
	// Variables for odasync in the caller's environment are not passed on.
	for _, name := range []string{"PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "VERSION", "COMMIT"} {
		if value, set := os.LookupEnv(name); set {
			p.env = append(p.env, name+"="+value)
		}
	}
	return p, nil
}

// settings is an empty file, in place of the user's .env.
func (p *project) settings() string { return filepath.Join(p.dir, "env") }

// override is a Compose file with the images to use.
func (p *project) override() string { return filepath.Join(p.dir, "images.yaml") }

// compose runs a command of Compose on the project.
func (p *project) compose(ctx context.Context, args ...string) (string, error) {
	all := append(p.command[1:len(p.command):len(p.command)], "--project-name", projectName, "--file", "docker-compose.yaml", "--file", p.override(), "--env-file", p.settings())
	command := exec.CommandContext(ctx, p.command[0], append(all, args...)...)
	command.Env = p.env
	return output(command)
}

// remove removes what the test started. After a failure it prints the last log lines of the services.
func (p *project) remove(failed bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if failed {
		states, _ := docker(ctx, "ps", "--all", "--filter", "label=com.docker.compose.project="+projectName)
		logs, _ := p.compose(ctx, "--profile", "demo", "logs", "--tail=25", "--no-color") // best effort beside the failure itself
		fmt.Fprintf(os.Stderr, "%s\n%s\n", states, logs)
	}
	_, down := p.compose(ctx, "--profile", "demo", "down", "--volumes", "--remove-orphans")
	_, image := docker(ctx, "image", "rm", "--force", imageName)
	return errors.Join(down, image, os.RemoveAll(p.dir))
}

// containers returns the ids of a service's containers, including stopped ones.
func (p *project) containers(ctx context.Context, service string) ([]string, error) {
	ids, err := docker(ctx, "ps", "--all", "--quiet", "--no-trunc",
		"--filter", "label=com.docker.compose.project="+projectName, "--filter", "label=com.docker.compose.service="+service)
	return strings.Fields(ids), err
}

// healthy waits until a service has count containers, all of them healthy.
func (p *project) healthy(ctx context.Context, service string, count int) error {
	return eventually(ctx, fmt.Sprintf("wait for %d healthy %s", count, service), func() error {
		ids, err := p.containers(ctx, service)
		if err != nil {
			return err
		}
		if len(ids) != count {
			return fmt.Errorf("%d containers", len(ids))
		}
		for _, id := range ids {
			health, err := docker(ctx, "inspect", "--format", "{{.State.Status}} {{.State.Health.Status}} {{range .State.Health.Log}}{{.Output}}{{end}}", id)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(health, "running healthy") {
				return errors.New(health)
			}
		}
		return nil
	})
}

// demo waits until all services of the demo are healthy.
func (p *project) demo(ctx context.Context, syncers int) error {
	return errors.Join(p.healthy(ctx, "nats", 1), p.healthy(ctx, "registry", 1), p.healthy(ctx, "syncer", syncers), p.healthy(ctx, "demo", 1))
}
