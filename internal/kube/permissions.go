package kube

import (
	"context"
	"fmt"

	authorization "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"odasync/internal/component"
)

// rule is a permission that deploy/ grants.
type rule struct {
	verb      string
	group     string
	resource  string
	name      string // empty for any
	namespace string // empty for cluster-wide
}

func (r rule) String() string {
	text := r.verb + " " + r.resource + "." + r.group
	if r.name != "" {
		text += fmt.Sprintf(" %q", r.name)
	}
	if r.namespace == "" {
		return text + " cluster-wide"
	}
	return text + fmt.Sprintf(" in namespace %q", r.namespace)
}

// remedy names the verbs to grant, and the file of the repository that grants them.
func (r rule) remedy() string {
	switch {
	case r.resource == "leases":
		return "grant get, create and update, see deploy/rbac.yaml"
	case r.resource == "customresourcedefinitions":
		return "grant get on it, see deploy/rbac.yaml, or pin ODA_COMPONENT_VERSION"
	case r.resource == ExposedAPIs.Plural:
		return "grant list and watch, as the chart does with watchExposedAPIs, or set WATCH_EXPOSED_APIS=false"
	case r.namespace == "":
		return "grant get, list and watch, see deploy/rbac-cluster.yaml"
	}
	return "grant get, list and watch, see deploy/rbac.yaml"
}

func (c *Client) readRule(verb string, of Resource, scope component.Scope) rule {
	return rule{verb: verb, group: c.cfg.Group, resource: of.Plural, namespace: scope.Namespace()}
}

func (c *Client) crdRule() rule {
	return rule{verb: "get", group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: c.cfg.Plural + "." + c.cfg.Group}
}

func (c *Client) leaseRule(verb string) rule {
	name := c.cfg.LeaseName
	if verb == "create" {
		name = "" // the API server authorizes a create without the name
	}
	return rule{verb: verb, group: "coordination.k8s.io", resource: "leases", name: name, namespace: c.leaseNamespace}
}

// Permission is a permission that deploy/ grants, and whether these credentials have it.
type Permission struct {
	Rule    string // such as: watch components.oda.tmforum.org in namespace "components"
	Remedy  string
	Granted bool
}

// Permissions reviews each permission that the watcher needs. By default every authenticated user may ask for its own
// permissions; an error means that the cluster forbids it or does not answer. The permissions reviewed until then are
// returned with the error.
func (c *Client) Permissions(ctx context.Context) ([]Permission, error) {
	scope, err := component.ParseScope(c.cfg.Namespaces)
	if err != nil {
		return nil, fmt.Errorf("read KUBERNETES_NAMESPACE: %w", err)
	}
	var rules []rule
	for _, part := range scope.Split() {
		for _, verb := range []string{"get", "list", "watch"} {
			rules = append(rules, c.readRule(verb, c.ComponentResource(""), part))
		}
		if c.cfg.WatchExposedAPIs {
			rules = append(rules, c.readRule("list", ExposedAPIs, part), c.readRule("watch", ExposedAPIs, part))
		}
	}
	rules = append(rules, c.crdRule())
	if c.cfg.LeaderElection {
		for _, verb := range []string{"get", "create", "update"} {
			rules = append(rules, c.leaseRule(verb))
		}
	}
	var permissions []Permission
	for _, needed := range rules {
		answer, err := c.current.Load().reviews.SelfSubjectAccessReviews().Create(Quiet(ctx), &authorization.SelfSubjectAccessReview{
			Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
				Verb: needed.verb, Group: needed.group, Resource: needed.resource, Name: needed.name, Namespace: needed.namespace,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return permissions, fmt.Errorf("review access to %s: %w", needed, err)
		}
		permissions = append(permissions, Permission{Rule: needed.String(), Remedy: needed.remedy(), Granted: answer.Status.Allowed})
	}
	return permissions, nil
}
