package kube

import (
	"fmt"
	"net/http"
	"reflect"
	"sync/atomic"

	"k8s.io/client-go/kubernetes/scheme"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
)

// maxRefusals is how many answers in a row may refuse the credentials before they are read again.
const maxRefusals = 3

// access is the way to the API server as it was configured when that was read last.
type access struct {
	settings *rest.Config   // as read
	requests rest.Interface // Components and the CRD
	leases   coordinationclient.LeasesGetter
	reviews  authorizationclient.SelfSubjectAccessReviewsGetter
	refusals atomic.Int32 // answers in a row that refused the credentials
}

// connect sets up the clients. It sends no request.
func (c *Client) connect(read *rest.Config) (*access, error) {
	a := &access{settings: read}
	settings := rest.CopyConfig(read)
	settings.UserAgent = c.agent
	settings.WarningHandler = rest.NoWarnings{} // of deprecated versions, on every request
	// The default of 5 requests a second would stretch the paged list of a large cluster over minutes.
	settings.QPS, settings.Burst = 50, 100
	settings.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	if c.cfg.Proxy != "" {
		proxy, err := c.cfg.proxy()
		if err != nil {
			return nil, fmt.Errorf("use K8S_PROXY %s: %w", redacted(c.cfg.Proxy), err)
		}
		settings.Proxy = http.ProxyURL(proxy)
	}
	settings.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &credentialCheck{client: c, access: a, next: next}
	})
	// A hanging renewal must not use up the time in which the next one could still succeed.
	timely := rest.CopyConfig(settings)
	timely.Timeout = c.cfg.RenewDeadline() / 2

	transport, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("use the credentials for %s: %w", settings.Host, err)
	}
	if a.requests, err = rest.UnversionedRESTClientForConfigAndClient(settings, transport); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	if a.leases, err = coordinationclient.NewForConfig(timely); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	if a.reviews, err = authorizationclient.NewForConfig(timely); err != nil {
		return nil, fmt.Errorf("use API server %s: %w", settings.Host, err)
	}
	return a, nil
}

// credentialCheck counts the answers that refuse the credentials of an access, of all its clients.
type credentialCheck struct {
	client *Client
	access *access
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *credentialCheck) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
	case answer.StatusCode != http.StatusUnauthorized:
		t.access.refusals.Store(0)
	case t.access.refusals.Add(1) >= maxRefusals:
		t.client.reread(t.access)
	}
	return answer, err
}

// reread replaces an access whose credentials the server refuses by one of what the configuration holds now. Client-go
// itself follows the files that a kubeconfig names, but not the kubeconfig.
func (c *Client) reread(refused *access) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.Load() != refused {
		return // by an answer to a request that was under way
	}
	refused.refusals.Store(0)
	settings, _, err := load(c.cfg)
	var next *access
	if err == nil {
		if same(refused.settings, settings) {
			return
		}
		next, err = c.connect(settings)
	}
	if err != nil {
		if text := err.Error(); text != c.trouble {
			c.trouble = text
			c.log.Warn().Err(err).Msg("Kubernetes credentials refused and not readable, keeping them")
		}
		return
	}
	c.trouble = ""
	c.current.Store(next)
	c.log.Info().Str("server", settings.Host).Msg("Kubernetes credentials refused, using those that were read again")
}

// same compares what was read but for the proxy, which is a function.
func same(a, b *rest.Config) bool {
	a, b = rest.CopyConfig(a), rest.CopyConfig(b)
	a.Proxy, b.Proxy = nil, nil
	return reflect.DeepEqual(a, b)
}

// Leases implements coordinationclient.LeasesGetter with the access that is in use.
func (c *Client) Leases(namespace string) coordinationclient.LeaseInterface {
	return c.current.Load().leases.Leases(namespace)
}
