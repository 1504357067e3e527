package cli

import (
	"context"
	"fmt"
	"strings"

	"odasync/internal/kube"
)

// examineNamespaces checks that KUBERNETES_NAMESPACE names namespaces that exist: the watcher would wait for others for ever.
func (e *examiner) examineNamespaces(ctx context.Context, client *kube.Client) {
	const hint = "correct KUBERNETES_NAMESPACE, or create the namespace"
	e.check(ctx, checkNamespaces, hint, func(ctx context.Context) (string, error) {
		configured := client.Config().Namespaces
		missing, known, err := client.MissingNamespaces(ctx)
		switch {
		case err != nil:
			return "", err
		case !known:
			return fmt.Sprintf("KUBERNETES_NAMESPACE is %s; whether they exist is not known, since this user may not read namespaces", configured), nil
		case len(missing) > 0:
			return "", fmt.Errorf("KUBERNETES_NAMESPACE is %s, and the cluster has no namespace %s", configured, strings.Join(missing, ", "))
		}
		return "KUBERNETES_NAMESPACE is " + configured, nil
	})
}
