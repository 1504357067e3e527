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

// maxUnauthorized is the number of 401 answers in a row after which the credentials are read again.
const maxUnauthorized = 3

// access is the set of clients that share one reading of the credentials.
type access struct {
	restConfig   *rest.Config   // as read
	requests     rest.Interface // Components and the CRD
	leases       coordinationclient.LeasesGetter
	reviews      authorizationclient.SelfSubjectAccessReviewsGetter
	unauthorized atomic.Int32 // 401 answers in a row
}

// connect creates the clients. It sends no request.
func (c *Client) connect(read *rest.Config) (*access, error) {
	a := &access{restConfig: read}
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
	// A renewal that hangs must leave time for another one before the renew deadline.
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

// credentialCheck counts the 401 answers to all clients of an access.
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
		t.access.unauthorized.Store(0)
	case t.access.unauthorized.Add(1) >= maxUnauthorized:
		t.client.reloadCredentials(t.access)
	}
	return answer, err
}

// reloadCredentials reads the configuration again and replaces an access whose credentials the server rejects. Client-go itself
// reloads the files that a kubeconfig names, but not the kubeconfig.
func (c *Client) reloadCredentials(rejected *access) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.Load() != rejected {
		return // already replaced: the answer is to an older request
	}
	rejected.unauthorized.Store(0)
	settings, _, err := load(c.cfg)
	var next *access
	if err == nil {
		if sameCredentials(rejected.restConfig, settings) {
			return
		}
		next, err = c.connect(settings)
	}
	if err != nil {
		if text := err.Error(); text != c.problem {
			c.problem = text
			c.log.Warn().Err(err).Msg("credentials rejected and not readable, keeping them")
		}
		return
	}
	c.problem = ""
	c.current.Store(next)
	c.log.Info().Str("server", settings.Host).Msg("credentials rejected, reloaded")
}

// sameCredentials compares all but the proxy, which is a function.
func sameCredentials(a, b *rest.Config) bool {
	a, b = rest.CopyConfig(a), rest.CopyConfig(b)
	a.Proxy, b.Proxy = nil, nil
	return reflect.DeepEqual(a, b)
}

// Leases implements coordinationclient.LeasesGetter with the access that is in use.
func (c *Client) Leases(namespace string) coordinationclient.LeaseInterface {
	return c.current.Load().leases.Leases(namespace)
}
