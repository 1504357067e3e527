package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"odasync/internal/normalize"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// NotInstalledError reports that the CRD is not installed yet.
type NotInstalledError struct{ CRD string }

func (e *NotInstalledError) Error() string {
	return "CRD " + e.CRD + " is not installed: install the ODA Canvas CRDs; waiting"
}

// ServedVersion returns the API version to read: the pinned one, else the preferred one of those that the CRD serves. Without
// permission to read the CRD, it returns a pinned version unchecked.
func (c *Client) ServedVersion(ctx context.Context) (string, error) {
	version, _, err := c.Discover(ctx)
	return version, err
}

// Discover is ServedVersion with the uid of the CRD, which is empty without permission to read it.
func (c *Client) Discover(ctx context.Context) (version, uid string, err error) {
	crd := c.cfg.Plural + "." + c.cfg.Group
	uid, served, err := c.readCRD(ctx, crd)
	if err == nil {
		version, err = c.choose(crd, served)
		return version, uid, err
	}
	switch {
	case apierrors.IsForbidden(err) && c.cfg.Version != "":
		return c.cfg.Version, "", nil
	case apierrors.IsUnexpectedServerError(err) && apierrors.IsNotFound(err), errors.As(err, new(*json.SyntaxError)):
		return "", "", c.notKubernetes()
	case apierrors.IsNotFound(err):
		return "", "", &NotInstalledError{CRD: crd}
	}
	return "", "", explain(err, c.crdRule())
}

// choose returns the version to read out of the served ones.
func (c *Client) choose(crd string, served []string) (string, error) {
	if c.cfg.Version != "" {
		if !slices.Contains(served, c.cfg.Version) {
			return "", fmt.Errorf("ODA_COMPONENT_VERSION is %s, but CRD %s serves only %s: set one of these, or none for the best",
				c.cfg.Version, crd, strings.Join(served, ", "))
		}
		return c.cfg.Version, nil
	}
	for _, version := range normalize.Versions {
		if slices.Contains(served, version) {
			return version, nil
		}
	}
	return "", fmt.Errorf("CRD %s serves %q, none of which is known here: known are %s", crd, strings.Join(served, ", "), strings.Join(normalize.Versions, ", "))
}

func (c *Client) notKubernetes() error {
	return fmt.Errorf("%s does not answer as a Kubernetes API server: check the server address of the kubeconfig and K8S_PROXY", c.Server())
}

// ServerVersion returns the API server's version, such as v1.37.2. It needs credentials but no permission.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(Quiet(ctx), c.timeout, errNoAnswer)
	defer cancel()
	body, err := c.current.Load().requests.Get().AbsPath("version").MaxRetries(0).DoRaw(ctx)
	if err != nil {
		return "", explain(causeOf(ctx, err), rule{verb: "get", resource: "version"})
	}
	var version struct{ GitVersion string }
	if err := json.Unmarshal(body, &version); err != nil {
		return "", c.notKubernetes()
	}
	return version.GitVersion, nil
}

// readCRD returns the uid of the CRD and the versions that it serves.
func (c *Client) readCRD(ctx context.Context, crd string) (uid string, served []string, err error) {
	ctx, cancel := context.WithTimeoutCause(Quiet(ctx), c.timeout, errNoAnswer)
	defer cancel()
	result := c.current.Load().requests.Get().AbsPath("apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions", crd).
		MaxRetries(0).Do(ctx)
	if err := result.Error(); err != nil { // unlike Raw's error, it has the server's message
		return "", nil, causeOf(ctx, err)
	}
	body, err := result.Raw()
	if err != nil {
		return "", nil, fmt.Errorf("read CRD %s: %w", crd, err)
	}
	var definition struct {
		Metadata struct{ UID string }
		Spec     struct {
			Versions []struct {
				Name   string
				Served bool
			}
		}
	}
	if err := json.Unmarshal(body, &definition); err != nil {
		return "", nil, fmt.Errorf("decode CRD %s: %w", crd, err)
	}
	for _, version := range definition.Spec.Versions {
		if version.Served {
			served = append(served, version.Name)
		}
	}
	return definition.Metadata.UID, served, nil
}
