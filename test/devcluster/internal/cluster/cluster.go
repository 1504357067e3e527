package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"odasync/test/devcluster/crd"
)

// stopGrace is how long a server may take to end by itself.
const stopGrace = 10 * time.Second

// Config says what to run and where.
type Config struct {
	Dir           string   // data, certificates, kubeconfigs and logs; must exist
	BinDir        string   // holds the programs etcd and kube-apiserver
	Kubeconfig    string   // where the admin's kubeconfig is written
	ReadyFile     string   // where Info is written once usable; nowhere when empty
	APIServerPort int      // 0 takes a free one
	EtcdPort      int      // 0 takes a free one
	Versions      []string // served versions of Component; none means all
	APIServerArgs []string // further arguments of kube-apiserver
}

// A Restart is a request to restart the API server.
type Restart struct {
	Compact bool // make etcd forget its history in between
}

// A Cluster is one etcd and one API server. It is used by one goroutine.
type Cluster struct {
	config     Config
	say        func(format string, args ...any)
	name       string // of the etcd member and of the key prefix
	definition map[string]any
	info       Info
	kube       *restClient
	etcd       *process
	apiServer  *process
	deaths     chan error // filled by servers that end by themselves
}

// New prepares a cluster, starting nothing. Progress messages go to say.
func New(config Config, say func(format string, args ...any)) (*Cluster, error) {
	definition, err := crd.Definition(config.Versions)
	if err != nil {
		return nil, err
	}
	for _, program := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(config.BinDir, program)); err != nil {
			return nil, fmt.Errorf("find %s: %w: build it with test/devcluster/build.sh or name its folder with --bin", program, err)
		}
	}
	return &Cluster{
		config:     config,
		say:        say,
		definition: definition,
		// One place for each start of a server that can die between two reads.
		deaths: make(chan error, 16),
	}, nil
}

// Run starts the servers, calls ready once Components can be read and watched,
// serves restarts, and stops what it started when ctx ends, which is no error,
// or when something fails.
func (c *Cluster) Run(ctx context.Context, restarts <-chan Restart, ready func(Info)) error {
	unlock, err := lockDir(c.config.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	defer c.stop()
	if err := c.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ready(c.info)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.deaths:
			return err
		case restart := <-restarts:
			if err := c.restart(ctx, restart); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
	}
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	ports, err := choosePorts(c.config.EtcdPort, c.config.APIServerPort, 0)
	if err != nil {
		return err
	}
	c.info.EtcdPort, c.info.APIServerPort = ports[0], ports[1]
	c.info.Server = "https://" + hostPort(c.info.APIServerPort)
	if err := c.writeAccess(); err != nil {
		return err
	}
	c.say("starting etcd on port %d", c.info.EtcdPort)
	if err := c.startEtcd(ctx, ports[2]); err != nil {
		return err
	}
	c.say("starting kube-apiserver on port %d", c.info.APIServerPort)
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	c.say("serving Components in %s at %s", strings.Join(c.info.Versions, ", "), c.info.Server)
	return c.writeReadyFile()
}

// prepare makes the folders and finds the cluster's name, which stays with its data.
func (c *Cluster) prepare() error {
	c.info.Dir = c.config.Dir
	c.info.Kubeconfig = c.config.Kubeconfig
	c.info.WatcherKubeconfig = filepath.Join(c.config.Dir, "kubeconfig.watcher")
	c.info.Versions = crd.Served(c.definition)
	for _, folder := range []string{"certs", "logs"} {
		if err := os.MkdirAll(filepath.Join(c.config.Dir, folder), 0o700); err != nil {
			return fmt.Errorf("make folder for %s: %w", folder, err)
		}
	}
	// A ready file of an earlier run must not be taken for this one's.
	if err := c.removeReadyFile(); err != nil {
		return err
	}
	var err error
	c.name, err = clusterName(filepath.Join(c.config.Dir, "name"))
	return err
}

// writeAccess makes certificates, tokens and kubeconfigs.
func (c *Cluster) writeAccess() error {
	certs := filepath.Join(c.config.Dir, "certs")
	caPEM, err := writeCertificates(certs)
	if err != nil {
		return err
	}
	admin, watcher := newAdmin(), newWatcher()
	if err := writeTokens(filepath.Join(certs, "tokens.csv"), admin, watcher); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	if err := checkOurKubeconfig(c.info.Kubeconfig); err != nil {
		return err
	}
	if err := writeKubeconfig(c.info.Kubeconfig, c.info.Server, caPEM, admin); err != nil {
		return err
	}
	if err := writeKubeconfig(c.info.WatcherKubeconfig, c.info.Server, caPEM, watcher); err != nil {
		return err
	}
	c.kube, err = newKubeClient(c.info.Server, caPEM, admin)
	return err
}

func (c *Cluster) restart(ctx context.Context, restart Restart) error {
	c.say("restarting kube-apiserver")
	c.apiServer.stop(stopGrace)
	if restart.Compact {
		c.say("compacting etcd")
		if err := c.compact(ctx); err != nil {
			return err
		}
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	if err := c.writeReadyFile(); err != nil {
		return err
	}
	c.say("kube-apiserver is ready again (start %d)", c.info.APIServerStarts)
	return nil
}

func (c *Cluster) stop() {
	if err := c.removeReadyFile(); err != nil {
		c.say("%v", err)
	}
	for _, p := range []*process{c.apiServer, c.etcd} {
		if p != nil {
			c.say("stopping %s", p.name)
			p.stop(stopGrace)
		}
	}
}

// await calls check until it succeeds, a server dies, ctx ends or the time is up.
func (c *Cluster) await(ctx context.Context, timeout time.Duration, what string, check func(context.Context) error) error {
	const interval = 100 * time.Millisecond
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		last := check(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-c.deaths:
			return err
		case <-deadline.C:
			return fmt.Errorf("wait for %s: not ready after %s: %w", what, timeout, last)
		case <-time.After(interval):
		}
	}
}
