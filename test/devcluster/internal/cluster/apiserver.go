package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"odasync/test/devcluster/crd"
)

// apiServerStartTimeout is long for the sake of busy machines and of restarts
// with 100,000 objects; usually it takes 3 s.
const apiServerStartTimeout = 5 * time.Minute

const group = "oda.tmforum.org"

// namespaces exist from the start: the usual ones of a Canvas and two more for
// tests with globs.
var namespaces = []string{"components", "canvas", "odacompns-a", "odacompns-b"}

// startAPIServer starts kube-apiserver and waits until it is usable.
func (c *Cluster) startAPIServer(ctx context.Context) error {
	certs := filepath.Join(c.config.Dir, "certs")
	arguments := append([]string{
		"--etcd-servers", c.info.EtcdURL,
		"--etcd-prefix", "/" + c.name,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port", strconv.Itoa(c.info.APIServerPort),
		"--cert-dir", certs,
		"--tls-cert-file", filepath.Join(certs, "tls.crt"),
		"--tls-private-key-file", filepath.Join(certs, "tls.key"),
		"--token-auth-file", filepath.Join(certs, "tokens.csv"),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file", filepath.Join(certs, "sa.key"),
		"--service-account-signing-key-file", filepath.Join(certs, "sa.key"),
		// There are no other API servers to agree with.
		"--endpoint-reconciler-type=none",
		// Without it a stopping server waits for its watches' clients for a minute.
		"--shutdown-watch-termination-grace-period=2s",
	}, c.config.APIServerArgs...)
	var err error
	c.apiServer, err = startProcess("kube-apiserver", filepath.Join(c.config.BinDir, "kube-apiserver"),
		arguments, filepath.Join(c.config.Dir, "logs", "kube-apiserver.log"), c.deaths)
	if err != nil {
		return err
	}
	c.info.APIServerPID = c.apiServer.pid()
	c.info.APIServerStarts++
	if err := c.await(ctx, apiServerStartTimeout, "kube-apiserver", c.checkReady); err != nil {
		return err
	}
	if err := c.await(ctx, apiServerStartTimeout, "the Component definition", c.applyObjects); err != nil {
		return err
	}
	return c.await(ctx, apiServerStartTimeout, "the Component API", c.checkComponents)
}

func (c *Cluster) checkReady(ctx context.Context) error {
	return c.kube.do(ctx, http.MethodGet, "/readyz", "", nil, nil)
}

// applyObjects creates the namespaces and the definition, or brings them to the
// wanted state.
func (c *Cluster) applyObjects(ctx context.Context) error {
	const parameters = "?fieldManager=devcluster&force=true"
	for _, name := range namespaces {
		namespace := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
		err := c.kube.do(ctx, http.MethodPatch, "/api/v1/namespaces/"+name+parameters,
			"application/apply-patch+yaml", namespace, nil)
		if err != nil {
			return err
		}
	}
	return c.kube.do(ctx, http.MethodPatch, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+crd.Name+parameters,
		"application/apply-patch+yaml", c.definition, nil)
}

// checkComponents lists and watches Components in every served version, and
// finds them all in the discovery document, which lags behind.
func (c *Cluster) checkComponents(ctx context.Context) error {
	for _, version := range c.info.Versions {
		path := "/apis/" + group + "/" + version + "/components"
		var list struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
		}
		if err := c.kube.do(ctx, http.MethodGet, path+"?limit=1", "", nil, &list); err != nil {
			return err
		}
		// The watch is closed as soon as the server has accepted it.
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		response, err := c.kube.send(ctx, http.MethodGet,
			path+"?watch=true&timeoutSeconds=5&resourceVersion="+url.QueryEscape(list.Metadata.ResourceVersion), "", nil)
		cancel()
		if err != nil {
			return err
		}
		response.Body.Close()
	}
	return c.checkDiscovery(ctx)
}

// checkDiscovery reads the group list in the aggregated form that clients of
// today ask for.
func (c *Cluster) checkDiscovery(ctx context.Context) error {
	var document struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Versions []struct {
				Version   string `json:"version"`
				Resources []any  `json:"resources"`
			} `json:"versions"`
		} `json:"items"`
	}
	if err := c.kube.do(ctx, http.MethodGet, "/apis", "", nil, &document); err != nil {
		return err
	}
	var found []string
	for _, item := range document.Items {
		if item.Metadata.Name != group {
			continue
		}
		for _, version := range item.Versions {
			if len(version.Resources) > 0 {
				found = append(found, version.Version)
			}
		}
	}
	if !slices.Equal(found, c.info.Versions) {
		return fmt.Errorf("discovery shows the versions %v of %s, not yet %v", found, group, c.info.Versions)
	}
	return nil
}

// newKubeClient speaks to the API server as the admin and accepts only
// certificates of this cluster's authority.
func newKubeClient(server string, caPEM []byte, admin user) (*restClient, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(caPEM) {
		return nil, fmt.Errorf("read certificate authority: no certificate in it")
	}
	return &restClient{base: server, token: admin.token, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool},
		DisableKeepAlives: true,
	}}}, nil
}
