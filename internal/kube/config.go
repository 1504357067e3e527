package kube

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/normalize"
)

// Config is the configuration of the access to Kubernetes and of the leader election.
type Config struct {
	// Kubeconfig is one path or several, as kubectl reads KUBECONFIG. Empty means ~/.kube/config.
	Kubeconfig string `env:"KUBECONFIG" help:"kubeconfig file, or several as for kubectl; empty for ~/.kube/config"`
	InCluster  bool   `env:"KUBERNETES_IN_CLUSTER, default=false" help:"use the service account of the pod: true or false"`
	// Proxy is the URL of a proxy to the API server.
	Proxy string `env:"K8S_PROXY" help:"proxy that leads to the API server: http, https or socks5 URL"`
	// Namespaces has the syntax of component.ParseScope.
	Namespaces   string          `env:"KUBERNETES_NAMESPACE, default=default" help:"namespaces to watch: one, a comma list, globs such as odacompns-*, or all"`
	WatchTimeout config.Duration `env:"KUBERNETES_WATCH_TIMEOUT, default=300" help:"after how long the API server ends a watch, which is then resumed: seconds, or a duration such as 5m"`

	Group string `env:"ODA_COMPONENT_GROUP, default=oda.tmforum.org" help:"API group of the Component resource"`
	// Version pins the API version. Empty means the preferred one of those that are served.
	Version string `env:"ODA_COMPONENT_VERSION" help:"API version to read; empty for the best that is served"`
	Plural  string `env:"ODA_COMPONENT_PLURAL, default=components" help:"plural name of the Component resource"`
	// WatchExposedAPIs has the source read the ExposedAPI objects of the Components, too.
	WatchExposedAPIs bool `env:"WATCH_EXPOSED_APIS, default=false" help:"also watch ExposedAPI objects, which have addresses and readiness of APIs before the Component has them: true or false"`

	LeaderElection bool `env:"LEADER_ELECTION, default=true" help:"elect a leader among several watchers: true or false"`
	// LeaseNamespace is empty for the namespace of the pod, else of the kubeconfig's context, else default.
	LeaseNamespace string          `env:"LEASE_NAMESPACE" help:"namespace of the Lease; empty for the own one"`
	LeaseName      string          `env:"LEASE_NAME, default=odasync-watcher" help:"name of the Lease"`
	LeaseDuration  config.Duration `env:"LEASE_DURATION, default=15s" help:"how long a dead leader keeps the lead: whole seconds from 3s on"`
}

// minLeaseDuration leaves a slow API server enough time for the renewals.
const minLeaseDuration = 3 * time.Second

// Validate reports every problem at once, each with the variable, its value and what is allowed.
func (c Config) Validate() error {
	var problems []error
	bad := func(variable string, value any, allowed string) {
		problems = append(problems, fmt.Errorf("%s is %q: %s", variable, fmt.Sprint(value), allowed))
	}
	named := func(variable, value, kind string, check func(string) []string) {
		if len(check(value)) > 0 {
			bad(variable, value, kind)
		}
	}

	if c.Proxy != "" {
		if _, err := c.proxy(); err != nil {
			bad("K8S_PROXY", redacted(c.Proxy), "allowed is a URL such as http://proxy:3128, with http, https or socks5")
		}
	}
	if _, err := component.ParseScope(c.Namespaces); err != nil {
		bad("KUBERNETES_NAMESPACE", c.Namespaces, err.Error())
	}
	if time.Duration(c.WatchTimeout) < time.Second {
		bad("KUBERNETES_WATCH_TIMEOUT", c.WatchTimeout, "allowed is a second or more, as seconds (300) or a duration (5m)")
	}
	named("ODA_COMPONENT_GROUP", c.Group, "allowed is an API group such as oda.tmforum.org", validation.IsDNS1123Subdomain)
	named("ODA_COMPONENT_PLURAL", c.Plural, "allowed is a plural resource name such as components", validation.IsDNS1123Label)
	if c.Version != "" && !slices.Contains(normalize.Versions, c.Version) {
		bad("ODA_COMPONENT_VERSION", c.Version, "allowed are "+strings.Join(normalize.Versions, ", ")+", or nothing for the best that is served")
	}
	if c.LeaseNamespace != "" {
		named("LEASE_NAMESPACE", c.LeaseNamespace, "allowed is one namespace", validation.IsDNS1123Label)
	}
	named("LEASE_NAME", c.LeaseName, "allowed is an object name such as odasync-watcher", validation.IsDNS1123Subdomain)
	if lease := time.Duration(c.LeaseDuration); lease < minLeaseDuration || lease%time.Second != 0 {
		bad("LEASE_DURATION", c.LeaseDuration, fmt.Sprintf("allowed are whole seconds from %s on", minLeaseDuration))
	}
	return errors.Join(problems...)
}

// RenewDeadline is the age of the last renewal at which the lead ends.
func (c Config) RenewDeadline() time.Duration { return time.Duration(c.LeaseDuration) * 2 / 3 }

// RenewInterval is the time between two renewals.
func (c Config) RenewInterval() time.Duration { return time.Duration(c.LeaseDuration) * 2 / 15 }

func (c Config) proxy() (*url.URL, error) {
	proxy, err := url.Parse(c.Proxy)
	if err != nil || proxy.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme) {
		return nil, errors.New("no proxy URL") // url.Parse's own error repeats the text, password included
	}
	return proxy, nil
}

// redacted hides the user information of a URL, even of one that cannot be parsed.
func redacted(text string) string {
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return text
	}
	scheme, _, found := strings.Cut(text, "://")
	if found {
		scheme += "://"
	} else {
		scheme = ""
	}
	return scheme + "***" + text[at:]
}
