package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/explain"
)

// Why is what `ctl why` prints. The shape is stable; see docs/api.md.
type Why struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Target    string `json:"target"`
	// State is one of the states of a component; empty if it is not known at all.
	State  string `json:"state"`
	InSync bool   `json:"inSync"`
	// Cause is one of the causes of explain.Why.
	Cause    explain.Cause `json:"cause"`
	Reason   string        `json:"reason"`
	Remedy   string        `json:"remedy"`
	Sentence string        `json:"sentence"`
}

func whyCommand() *cli.Command {
	return &cli.Command{
		Name:      "why",
		Usage:     "explain in one sentence why a component is in sync or not, and what to do",
		ArgsUsage: "NAME",
		Description: "Looks at the component in the stream, its sync state in the target, what the watcher cannot publish, and the state of\n" +
			"watchers and syncers.\n\n" +
			"Exit code 1: the component is not in sync, or NAME does not select one component.\n\n" +
			"Examples:\n" +
			"  ctl why catalog\n" +
			"  ctl why shop/catalog --target backup -o json",
		Flags: []cli.Flag{
			namespaceFlag("`NAMESPACE` of the component"),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(15 * time.Second),
		},
		Action: func(c *cli.Context) error {
			return withComponent(c, func(ctx context.Context, s *session, key component.Key, _ bool) error { // an unknown one has an answer too
				facts, err := s.facts(ctx, key)
				if err != nil {
					return err
				}
				a := explain.Why(facts)
				why := Why{
					Cluster: key.Cluster, Namespace: key.Namespace, Name: key.Name, Target: s.target, State: a.State, InSync: a.InSync,
					Cause: a.Cause, Reason: a.Reason, Remedy: a.Remedy, Sentence: a.Sentence(facts),
				}
				done, err := printAs(c.App.Writer, c.String("output"), why)
				if !done {
					err = line(c.App.Writer, "%s", why.Sentence)
				}
				if err == nil && !why.InSync {
					return errNegative
				}
				return err
			})
		},
	}
}

// withComponent calls do with the component that the one argument and -n select; found is whether it is known. A name that
// several components have is a negative result.
func withComponent(c *cli.Context, do func(ctx context.Context, s *session, key component.Key, found bool) error) error {
	switch {
	case !c.Args().Present():
		return errors.New("give the name of a component")
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name", c.Args().Get(1))
	}
	name, scope, err := selectedComponent(c)
	if err != nil {
		return err
	}
	ctx, s, end, err := beginStream(c)
	if err != nil {
		return err
	}
	defer end()
	key, found, err := s.find(ctx, name, scope)
	if errors.As(err, new(*ambiguousError)) {
		return negative(c, err)
	}
	if err != nil {
		return err
	}
	return do(ctx, s, key, found)
}

// withKnown is withComponent for a component that must be known.
func withKnown(c *cli.Context, do func(ctx context.Context, s *session, key component.Key) error) error {
	return withComponent(c, func(ctx context.Context, s *session, key component.Key, found bool) error {
		if !found {
			return s.notFound(ctx, c, key)
		}
		return do(ctx, s, key)
	})
}

// notFound reports that there is no such component, and where there are some.
func (s *session) notFound(ctx context.Context, c *cli.Context, key component.Key) error {
	text := fmt.Sprintf("no component %q", key.Name)
	if key.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", key.Namespace)
	}
	err := negative(c, fmt.Errorf("%s of cluster %s: `ctl list` shows the components", text, s.cluster))
	scope, scopeErr := selectedNamespaces(c)
	if scopeErr != nil {
		return err
	}
	return errors.Join(err, s.warnEmpty(ctx, c, scope))
}
