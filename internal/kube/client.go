package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// requestTimeout bounds every request but a watch, for which no overall limit may hold.
const requestTimeout = 30 * time.Second

// podNamespaceFile is where a pod finds the name of its own namespace.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Client reaches one API server.
type Client struct {
	cfg            Config
	requests       rest.Interface // Components and the CRD
	leases         coordinationclient.LeasesGetter
	reviews        authorizationclient.SelfSubjectAccessReviewsGetter
	leaseNamespace string
	server         string
}

// NewClient finds the API server and the credentials. It sends no request. Version is the program's, for the user
// agent.
func NewClient(cfg Config, version string) (*Client, error) {
	settings, namespace, err := load(cfg)
	if err != nil {
		return nil, err
	}
	settings.UserAgent = "odasync-watcher/" + version
	settings.WarningHandler = rest.NoWarnings{} // of deprecated versions, on every request
	// The default of 5 requests a second would stretch the paged list of a large cluster over minutes.
	settings.QPS, settings.Burst = 50, 100
	settings.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	if cfg.Proxy != "" {
		proxy, err := cfg.proxy()
		if err != nil {
			return nil, fmt.Errorf("use K8S_PROXY %s: %w", redacted(cfg.Proxy), err)
		}
		settings.Proxy = http.ProxyURL(proxy)
	}
	// A hanging renewal must not use up the time in which the next one could still succeed.
	timely := rest.CopyConfig(settings)
	timely.Timeout = cfg.renewDeadline() / 2

	c := &Client{cfg: cfg, leaseNamespace: cfg.LeaseNamespace, server: settings.Host}
	if c.leaseNamespace == "" {
		c.leaseNamespace = namespace
	}
	transport, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("use the credentials for %s: %w", settings.Host, err)
	}
	if c.requests, err = rest.UnversionedRESTClientForConfigAndClient(settings, transport); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	if c.leases, err = coordinationclient.NewForConfig(timely); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	if c.reviews, err = authorizationclient.NewForConfig(timely); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	return c, nil
}

// Server returns the API server's address.
func (c *Client) Server() string { return c.server }

// quiet keeps client-go from writing to stderr on its own. What goes wrong is in its errors.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

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
