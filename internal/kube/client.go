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

// requestTimeout is how long the API server may take for an answer, or for the next part of a long one.
const requestTimeout = 30 * time.Second

// podNamespaceFile is where a pod finds the name of its own namespace.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Client reaches one API server. Where the server refuses the credentials again and again, the Client reads them anew.
type Client struct {
	cfg            Config
	agent          string
	leaseNamespace string
	timeout        time.Duration // requestTimeout, but in tests
	log            zerolog.Logger

	current atomic.Pointer[access]
	mu      sync.Mutex // held while the credentials are read again
	trouble string     // of the last reading, as logged
}

// NewClient finds the API server and the credentials. It sends no request. Version is the program's, for the user
// agent.
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

// LeaseNamespace is the namespace of the Lease: the configured one, else that of the credentials.
func (c *Client) LeaseNamespace() string { return c.leaseNamespace }

// Server returns the API server's address.
func (c *Client) Server() string { return c.current.Load().settings.Host }

// Quiet keeps client-go from logging to stderr: its errors say what went wrong.
func Quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

// load returns how to reach the API server, and the namespace that belongs to these credentials.
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
	// Like kubectl, some of several files may be missing.
	if len(missing) == len(paths) {
		return nil, "", fmt.Errorf("read %s: %w: set KUBECONFIG to a kubeconfig file, or KUBERNETES_IN_CLUSTER=true in a pod", source, errors.Join(missing...))
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	raw, err := rules.Load()
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w: set KUBECONFIG to a readable kubeconfig file", source, err)
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
