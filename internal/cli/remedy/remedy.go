// Package remedy names what to check where a server cannot be used, for the commands of ctl.
package remedy

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
	Cluster     = "check KUBECONFIG or KUBERNETES_IN_CLUSTER, and the server's address, certificate and token"
	Registry    = "check COMPONENT_REGISTRY_URL, and that the registry is running"
	RegistryKey = "set COMPONENT_REGISTRY_API_KEY (or COMPONENT_REGISTRY_API_KEY_FILE) to the registry's key, or OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET"
)

// RegistryError is the failure of a registry with its address and the remedy.
func RegistryError(address string, err error) error {
	remedy := Registry
	if RejectsCredentials(err) {
		remedy = RegistryKey
	}
	return fmt.Errorf("registry at %s: %w: %s", address, err, remedy)
}

// RejectsCredentials reports whether the registry answered with 401 or 403.
func RejectsCredentials(err error) bool {
	failure := new(target.Failure)
	return errors.As(err, &failure) && (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden)
}

// ClusterError is the failure of an API server with its address.
func ClusterError(client *kube.Client, err error) error {
	if strings.Contains(err.Error(), client.Server()) {
		return err
	}
	return fmt.Errorf("%s: %w", client.Server(), err)
}
