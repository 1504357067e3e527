package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"odasync/internal/component"
)

// MissingNamespaces returns the parts of KUBERNETES_NAMESPACE that no namespace of the cluster matches. known is false where these
// credentials may not read namespaces, which the watcher does not need.
func (c *Client) MissingNamespaces(ctx context.Context) (missing []string, known bool, err error) {
	scope, err := component.ParseScope(c.cfg.Namespaces)
	if err != nil {
		return nil, false, fmt.Errorf("read KUBERNETES_NAMESPACE: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(Quiet(ctx), c.timeout, errNoAnswer)
	defer cancel()
	for _, part := range scope.Parts() {
		exists, err := c.matches(ctx, part)
		switch {
		case apierrors.IsForbidden(err):
			return nil, false, nil
		case err != nil:
			return nil, false, fmt.Errorf("read the namespaces of the cluster: %w", causeOf(ctx, err))
		case !exists:
			missing = append(missing, part.String())
		}
	}
	return missing, true, nil
}

// matches reports whether a namespace is in the scope, which is one name, or a glob.
func (c *Client) matches(ctx context.Context, scope component.Scope) (bool, error) {
	request := c.current.Load().requests.Get().AbsPath("api", "v1", "namespaces").MaxRetries(0)
	if name := scope.Namespace(); name != "" {
		err := request.Suffix(name).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // unlike Raw's error, it has the server's message
		return false, err
	}
	body, err := result.Raw()
	if err != nil {
		return false, err
	}
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return false, fmt.Errorf("decode the namespaces: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(one struct{ Metadata metav1.ObjectMeta }) bool { return scope.Contains(one.Metadata.Name) }), nil
}
