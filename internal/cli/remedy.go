package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"odasync/internal/kube"
	"odasync/internal/target"
)

// What to check if a server cannot be used.
const (
	remedyCluster     = "check KUBECONFIG or KUBERNETES_IN_CLUSTER, and the server's address, certificate and token"
	remedyRegistry    = "check COMPONENT_REGISTRY_URL, and that the registry is running"
	remedyRegistryKey = "set COMPONENT_REGISTRY_API_KEY (or COMPONENT_REGISTRY_API_KEY_FILE) to the registry's key, or OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET"
)

// registryError is the failure of a registry with its address and the remedy.
func registryError(address string, err error) error {
	remedy := remedyRegistry
	if rejectsCredentials(err) {
		remedy = remedyRegistryKey
	}
	return fmt.Errorf("registry at %s: %w: %s", address, err, remedy)
}

// rejectsCredentials reports whether the registry answered with 401 or 403.
func rejectsCredentials(err error) bool {
	failure := new(target.Failure)
	return errors.As(err, &failure) && (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden)
}

// clusterError is the failure of an API server with its address.
func clusterError(client *kube.Client, err error) error {
	if strings.Contains(err.Error(), client.Server()) {
		return err
	}
	return fmt.Errorf("%s: %w", client.Server(), err)
}
