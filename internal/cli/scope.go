package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/labels"

	"odasync/internal/component"
	"odasync/internal/event"
)

// selectedNamespaces returns the namespaces of -n, in every form of KUBERNETES_NAMESPACE; all without the flag and with -A.
func selectedNamespaces(c *cli.Context) (component.Scope, error) {
	text := component.AllNamespaces
	if c.IsSet("namespace") {
		text = c.String("namespace")
	}
	scope, err := component.ParseScope(text)
	switch {
	case err != nil:
		return scope, fmt.Errorf("--namespace is %q: %w", text, err)
	case c.Bool("all-namespaces") && c.IsSet("namespace"):
		return scope, errors.New("--namespace and --all-namespaces are both given: give one of them")
	}
	return scope, nil
}

// selectedComponent returns the name and the namespaces that the command's argument and -n select. The argument is a NAME, or
// NAMESPACE/NAME as -o name prints it, or missing.
func selectedComponent(c *cli.Context) (name string, scope component.Scope, err error) {
	if scope, err = selectedNamespaces(c); err != nil {
		return "", scope, err
	}
	namespace, name, qualified := strings.Cut(c.Args().First(), "/")
	if !qualified {
		return c.Args().First(), scope, nil
	}
	one, err := component.ParseScope(namespace)
	switch {
	case err != nil || one.Namespace() == "" || name == "" || strings.Contains(name, "/"):
		return "", scope, fmt.Errorf("%q is no component: give NAME or NAMESPACE/NAME", c.Args().First())
	case !scope.Contains(namespace):
		return "", scope, fmt.Errorf("%q is not in the namespaces of --namespace, %s: omit --namespace", c.Args().First(), scope)
	}
	return name, one, nil
}

// selectedComponents returns what NAME, -n and -l select; the name is empty for all.
func selectedComponents(c *cli.Context) (name string, scope component.Scope, selector labels.Selector, err error) {
	if c.NArg() > 1 {
		return "", scope, nil, fmt.Errorf("unexpected argument %q: give one name, or none for all", c.Args().Get(1))
	}
	if name, scope, err = selectedComponent(c); err == nil {
		selector, err = selectedLabels(c)
	}
	return name, scope, selector, err
}

// selectedLabels returns the selector of -l; everything without the flag.
func selectedLabels(c *cli.Context) (labels.Selector, error) {
	selector, err := labels.Parse(c.String("selector"))
	if err != nil {
		return nil, fmt.Errorf("--selector is %q: %w: give labels such as team=red,tier!=test", c.String("selector"), err)
	}
	return selector, nil
}

// noteScope says on stderr, beside a table, what the command looked at. Where it found nothing, it says in every format where
// there is something: an empty result is more often a wrong name than an empty cluster.
func (s *session) noteScope(ctx context.Context, c *cli.Context, scope component.Scope, found int) error {
	s.sayScope(c, scope, "target "+s.target)
	if found > 0 {
		return nil
	}
	return s.warnEmpty(ctx, c, scope)
}

// sayScope says beside an output for people which cluster and namespaces the command works on, and on which registry.
func (s *session) sayScope(c *cli.Context, scope component.Scope, registry string) {
	switch c.String("output") {
	case "table", "wide", "": // a command without formats
		note(c, "cluster %s, namespaces %s, %s", s.cluster, scope, registry)
	}
}

// warnEmpty says where there are components if there are none in the scope.
func (s *session) warnEmpty(ctx context.Context, c *cli.Context, scope component.Scope) error {
	known, err := s.noteCluster(ctx, c)
	if err != nil || !known {
		return err
	}
	namespaces := map[string]bool{}
	err = s.log.Heads(ctx, s.cluster, func(head event.Head) {
		if !head.Deleted {
			namespaces[head.Key.Namespace] = true
		}
	})
	if err == nil {
		warnElsewhere(c, "component", scope, namespaces)
	}
	return err
}

// noteCluster warns of a cluster that has never published a component while others have. It reports whether the cluster has.
func (s *session) noteCluster(ctx context.Context, c *cli.Context) (known bool, err error) {
	clusters, err := s.log.ComponentClusters(ctx)
	known = slices.Contains(clusters, s.cluster)
	if err == nil && !known && len(clusters) > 0 {
		note(c, "warning: cluster %q has never published a component; CLUSTER_NAME selects one of these: %s", s.cluster, shortList(clusters))
	}
	return known, err
}

// warnElsewhere names the namespaces that have something, if none of them is in the scope.
func warnElsewhere(c *cli.Context, noun string, scope component.Scope, namespaces map[string]bool) {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(namespaces)), scope.Contains)
	if len(others) > 0 && len(others) == len(namespaces) {
		note(c, "warning: no %s in namespaces %s; there are %ss in: %s", noun, scope, noun, shortList(others))
	}
}

// noteTarget warns of a target without a syncer while others have one.
func (s *session) noteTarget(ctx context.Context, c *cli.Context) error {
	registries, err := s.log.Registries(ctx)
	if err != nil {
		return err
	}
	if _, known := registries[s.target]; !known && len(registries) > 0 {
		note(c, "warning: no syncer was ever started for target %q; --target selects one of these: %s", s.target, shortList(slices.Sorted(maps.Keys(registries))))
	}
	return nil
}

// shortList names the first ten.
func shortList(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
