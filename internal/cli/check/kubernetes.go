package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"odasync/internal/cli/remedy"
	"odasync/internal/kube"
	"odasync/internal/ops"
)

func (r *run) kubernetes(ctx context.Context) {
	const reachable, crd, permissions = kubernetesName, "kubernetes crd", "kubernetes permissions"
	var client *kube.Client
	ok := r.check(ctx, reachable, remedy.Cluster, func(ctx context.Context) (string, error) {
		var err error
		if client, err = kube.NewClient(r.Kube, ops.Version(), zerolog.Nop()); err != nil {
			return "", err
		}
		version, err := client.ServerVersion(ctx)
		if err != nil {
			return "", remedy.ClusterError(client, err)
		}
		return fmt.Sprintf("%s, version %s", client.Server(), version), nil
	})
	if !ok {
		r.skip("Kubernetes is not reachable", crd, namespacesName, permissions)
		return
	}
	r.check(ctx, crd, "follow the detail", func(ctx context.Context) (string, error) {
		version, err := client.ServedVersion(ctx)
		return "reading version " + version, err
	})
	r.namespaces(ctx, client)
	var granted []kube.Permission
	r.check(ctx, permissions, "grant the user access to its own permissions (ClusterRole system:basic-user)", func(ctx context.Context) (string, error) {
		var err error
		if granted, err = client.Permissions(ctx); err != nil {
			granted = nil
			return "", err
		}
		missing := 0
		for _, p := range granted {
			if !p.Granted {
				missing++
			}
		}
		if missing > 0 {
			return "", fmt.Errorf("%d of %d are not granted", missing, len(granted))
		}
		return fmt.Sprintf("all %d granted", len(granted)), nil
	})
	for _, p := range granted {
		r.check(ctx, partPrefix+p.Rule, p.Remedy, func(context.Context) (string, error) {
			if !p.Granted {
				return "", errors.New("not granted")
			}
			return "granted", nil
		})
	}
}

// namespaces checks that KUBERNETES_NAMESPACE names namespaces that exist: the watcher would wait for others for ever.
func (r *run) namespaces(ctx context.Context, client *kube.Client) {
	const hint = "correct KUBERNETES_NAMESPACE, or create the namespace"
	r.check(ctx, namespacesName, hint, func(ctx context.Context) (string, error) {
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
