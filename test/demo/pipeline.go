package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"odasync/test/cluster"
	"odasync/test/procs"
)

// pipeline is what the demo starts.
type pipeline struct {
	dir     string
	cluster *cluster.Cluster
	group   *procs.Group
	watcher *procs.Process
	syncer  *procs.Process

	natsURL      string
	registry     *procs.Process
	registryPort int
	registryURL  string
	monitors     map[string]string // URLs by process
}

// startPipeline starts one part after the other. The result has what was started even with an error.
func startPipeline(ctx context.Context, show *screen) (*pipeline, error) {
	p := &pipeline{monitors: map[string]string{}}
	dir, err := os.MkdirTemp("", "odasync-demo-")
	if err != nil {
		return p, fmt.Errorf("make a folder: %w", err)
	}
	p.dir = dir
	if p.group, err = procs.NewGroup(dir); err != nil {
		return p, err
	}
	steps := []struct {
		name  string
		start func() (string, error)
	}{
		{"Kubernetes API server", p.startCluster},
		{"NATS JetStream", func() (_ string, err error) {
			_, p.natsURL, err = p.group.NATS(ctx, "nats", 0)
			return p.natsURL, err
		}},
		{"Component Registry", func() (_ string, err error) {
			if p.registryPort, err = procs.FreePort(); err != nil {
				return "", err
			}
			err = p.startRegistry(ctx)
			return p.registryURL, err
		}},
		{"watcher", func() (_ string, err error) {
			p.watcher, err = p.startDaemon(ctx, procs.Watcher("watcher", map[string]string{
				"KUBECONFIG": p.cluster.Kubeconfig, "KUBERNETES_NAMESPACE": "components,odacompns-*",
				"LEASE_NAMESPACE": "canvas", "CLUSTER_NAME": "demo", "NATS_URL": p.natsURL,
			}))
			return p.monitors["watcher"], err
		}},
		{"syncer", func() (_ string, err error) {
			p.syncer, err = p.startDaemon(ctx, procs.Syncer("syncer", map[string]string{
				"NATS_URL": p.natsURL, "COMPONENT_REGISTRY_URL": p.registryURL, "SYNC_INTERVAL": syncInterval.String(),
			}))
			return p.monitors["syncer"], err
		}},
	}
	for _, step := range steps {
		if err := show.step(step.name, step.start); err != nil {
			return p, err
		}
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
	}
	return p, nil
}

func (p *pipeline) startRegistry(ctx context.Context) (err error) {
	p.registry, p.registryURL, err = p.group.Registry(ctx, "registry", p.registryPort)
	return err
}

func (p *pipeline) startCluster() (string, error) {
	if os.Getenv("DEVCLUSTER_BIN") == "" {
		bin, err := procs.BinDir()
		if err != nil {
			return "", err
		}
		if err := os.Setenv("DEVCLUSTER_BIN", filepath.Join(bin, "devcluster")); err != nil {
			return "", fmt.Errorf("find devcluster: %w", err)
		}
	}
	var err error
	if p.cluster, err = cluster.Run(); err != nil {
		return "", err
	}
	return p.cluster.Server, nil
}

func (p *pipeline) startDaemon(ctx context.Context, spec procs.Spec) (*procs.Process, error) {
	process, err := p.group.Start(spec)
	if err != nil {
		return nil, err
	}
	address, err := process.Monitor(ctx)
	if err != nil {
		return process, err
	}
	p.monitors[spec.Name] = "http://" + address
	return process, process.AwaitReady(ctx)
}

// stop stops what was started, in reverse, and removes its files.
func (p *pipeline) stop() error {
	var problems []error
	if p.group != nil {
		problems = append(problems, p.group.Stop())
	}
	if p.cluster != nil {
		problems = append(problems, p.cluster.Stop())
	}
	if p.dir != "" {
		problems = append(problems, os.RemoveAll(p.dir))
	}
	return errors.Join(problems...)
}
