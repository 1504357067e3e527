package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// requestTimeout is the time limit for an answer of the API server, and for the next part of a long answer.
const requestTimeout = 30 * time.Second

// podNamespaceFile holds the name of the pod's namespace.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Client sends requests to one API server. It reloads the credentials when the server keeps rejecting them.
type Client struct {
	cfg            Config
	agent          string
	leaseNamespace string
	timeout        time.Duration // requestTimeout, except in tests
	log            zerolog.Logger

	current atomic.Pointer[access]
	mu      sync.Mutex // held while the credentials are reloaded
	problem string     // of the last reload, as logged
}

// NewClient reads the address of the API server and the credentials. It sends no request. The version is the program's, for
// the user agent.
func NewClient(cfg Config, version string, log zerolog.Logger) (*Client, error) {
	settings, namespace, err := load(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, agent: "odasync-watcher/" + version, leaseNamespace: cmp.Or(cfg.LeaseNamespace, namespace),
		timeout: requestTimeout, log: log,
	}
	a, err := c.connect(settings)
	if err != nil {
		return nil, err
	}
	c.current.Store(a)
	return c, nil
}

// Config returns the configuration.
func (c *Client) Config() Config { return c.cfg }

// LeaseNamespace is the namespace of the Lease: the configured one, else that of the credentials.
func (c *Client) LeaseNamespace() string { return c.leaseNamespace }

// Server returns the API server's address.
func (c *Client) Server() string { return c.current.Load().restConfig.Host }

// Quiet keeps client-go from logging to stderr: its errors say what went wrong.
func Quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

// load returns the address of the API server, the credentials, and their namespace.
func load(cfg Config) (*rest.Config, string, error) {
	if cfg.InCluster {
		settings, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", fmt.Errorf("use the pod's service account: %w: outside a pod set KUBERNETES_IN_CLUSTER=false and KUBECONFIG", err)
		}
		namespace, err := os.ReadFile(podNamespaceFile)
		if err != nil {
			return settings, "default", nil
		}
		return settings, strings.TrimSpace(string(namespace)), nil
	}

	paths, source := filepath.SplitList(cfg.Kubeconfig), "KUBECONFIG "+cfg.Kubeconfig
	if len(paths) == 0 {
		paths, source = []string{clientcmd.RecommendedHomeFile}, "kubeconfig "+clientcmd.RecommendedHomeFile
	}
	var missing []error
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, err)
		}
	}
	// As with kubectl, some of several files may be missing.
	if len(missing) == len(paths) {
		return nil, "", fmt.Errorf("read %s: %w: set KUBECONFIG to a kubeconfig file, or KUBERNETES_IN_CLUSTER=true in a pod", source, errors.Join(missing...))
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	raw, err := rules.Load()
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w: set KUBECONFIG to a readable kubeconfig file", source, err)
	}
	if raw.CurrentContext == "" {
		return nil, "", fmt.Errorf("use %s: it has no current-context: choose one with kubectl config use-context, or set KUBECONFIG to another file", source)
	}
	chosen := clientcmd.NewNonInteractiveClientConfig(*raw, raw.CurrentContext, nil, rules)
	settings, err := chosen.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("use %s, context %q: %w: choose one with kubectl config use-context, or set KUBECONFIG to another file", source, raw.CurrentContext, err)
	}
	namespace, _, err := chosen.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("use %s, context %q: %w", source, raw.CurrentContext, err)
	}
	return settings, namespace, nil
}
