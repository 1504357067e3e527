package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"

	"odasync/internal/cli/cmdline"
	"odasync/internal/config"
	"odasync/internal/contexts"
	"odasync/internal/natsconn"
	"odasync/internal/registry"
)

// contextVariable selects a context in the environment.
const contextVariable = "ODASYNC_CONTEXT"

// overrides are what the command line says about the configuration.
type overrides struct {
	given    func(flag string) (value string, set bool)
	contexts bool // the command uses contexts
}

type overridesKey struct{}

func withOverrides(ctx context.Context, o overrides) context.Context {
	return context.WithValue(ctx, overridesKey{}, o)
}

// overridesOf returns those of a command. A command without --context serves something, and its environment is complete.
func overridesOf(c *cli.Context) overrides {
	return overrides{
		given:    func(flag string) (string, bool) { return c.String(flag), c.IsSet(flag) },
		contexts: cmdline.HasFlag(c.Command.Flags, "context"),
	}
}

// load fills the sections from the flags --cluster and --target, the environment, .env, and the selected context, in this
// order, and returns the variables.
func load(ctx context.Context, sections ...config.Section) (envconfig.Lookuper, error) {
	variables, err := config.Environment()
	if err != nil {
		return nil, err
	}
	if o, ok := ctx.Value(overridesKey{}).(overrides); ok {
		if o.contexts {
			if variables, err = o.behind(variables, sections); err != nil {
				return nil, err
			}
		}
		variables = envconfig.MultiLookuper(o.variables(), variables)
	}
	if err := config.Load(ctx, variables, sections...); err != nil {
		return nil, fmt.Errorf("invalid configuration:\n%w", err)
	}
	return variables, nil
}

// variables are those that flags set.
func (o overrides) variables() envconfig.Lookuper {
	set := map[string]string{}
	for flag, variable := range map[string]string{"cluster": "CLUSTER_NAME", "target": "SYNC_TARGET"} {
		if value, given := o.given(flag); given {
			set[variable] = value
		}
	}
	return envconfig.MapLookuper(set)
}

// behind returns the environment with the selected context behind it.
func (o overrides) behind(environment envconfig.Lookuper, sections []config.Section) (envconfig.Lookuper, error) {
	name, selected, err := o.context(environment)
	if err != nil || name == "" {
		return environment, err
	}
	variables := selected.Behind(environment)
	for _, one := range []struct {
		variable, example string
		needed            bool
	}{
		{"NATS_URL", "nats://HOST:PORT", slices.ContainsFunc(sections, isSection[*natsconn.Config])},
		{"COMPONENT_REGISTRY_URL", "http://HOST:PORT", slices.ContainsFunc(sections, isSection[*registry.Config]) && !o.elsewhere()},
	} {
		// The default, on this machine, is hardly what is meant.
		if _, set := variables.Lookup(one.variable); one.needed && !set {
			return nil, fmt.Errorf("context %q has no %s: add it with `ctl context set %s %s=%s`", name, one.variable, name, one.variable, one.example)
		}
	}
	return variables, nil
}

func isSection[T config.Section](section config.Section) bool { _, ok := section.(T); return ok }

// elsewhere reports whether a flag has the address of the registry.
func (o overrides) elsewhere() bool {
	_, to := o.given("to")
	_, url := o.given("url")
	return to || url
}

// context returns the context that --context, ODASYNC_CONTEXT or the file selects, in this order; an empty name for none.
func (o overrides) context(environment envconfig.Lookuper) (name string, selected contexts.Context, err error) {
	file, err := contexts.Load(contexts.Path())
	if err != nil {
		return "", nil, err
	}
	name, set := o.given("context")
	from := "--context"
	if !set {
		name, set = environment.Lookup(contextVariable)
		from = contextVariable
	}
	if !set {
		name, from = file.Current, "the file of contexts"
	}
	if name == "" {
		return "", nil, nil
	}
	if selected, err = file.Context(name); err != nil {
		return "", nil, fmt.Errorf("%s selects %w", from, err)
	}
	return name, selected, nil
}

// withContext adds to the failure of a connection to NATS where the address comes from, if that is a context.
func withContext(ctx context.Context, err error) error {
	o, ok := ctx.Value(overridesKey{}).(overrides)
	if err == nil || !ok || !o.contexts {
		return err
	}
	environment, readErr := config.Environment()
	if readErr != nil {
		return err
	}
	name, _, readErr := o.context(environment)
	switch {
	case readErr != nil || name == "" || contexts.Overridden(environment, "NATS_URL"):
		return err
	case name == localContext:
		return fmt.Errorf("%w; the address is that of the context %q: start `ctl run`, or select another one with --context", err, name)
	}
	return fmt.Errorf("%w; the address is that of the context %q", err, name)
}
