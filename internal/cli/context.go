package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/contexts"
	"odasync/internal/daemon"
)

// What the commands take as an argument, from which completion knows that it is a context.
const (
	contextUsage         = "CONTEXT"
	optionalContextUsage = "[CONTEXT]"
)

func contextCommand() *cli.Command {
	return &cli.Command{
		Name:  "context",
		Usage: "manage contexts, which are named sets of environment variables",
		Description: "A context is behind the environment: a variable that is set takes precedence, and NATS_URL, COMPONENT_REGISTRY_URL or\n" +
			"KUBECONFIG with it over all that the context has about the same server. Contexts are in $XDG_CONFIG_HOME/odasync/config.yaml,\n" +
			"or ~/.config. They hold no secrets, but the names of files that do.",
		Subcommands: []*cli.Command{{
			Name: "list", Usage: "list the contexts",
			Description: "Examples:\n  ctl context list",
			Flags:       []cli.Flag{outputFlag("table", "json", "yaml", "name")},
			Action:      listContexts,
		}, {
			Name: "use", Usage: "select a context", ArgsUsage: contextUsage,
			Description: "Examples:\n  ctl context use local",
			Action:      useContext,
		}, {
			Name: "show", Usage: "show the variables of a context, and what the environment overrides", ArgsUsage: optionalContextUsage,
			Description: "Without CONTEXT, shows the one that is in use.\n\nExamples:\n  ctl context show\n  ctl context show production -o yaml",
			Flags:       []cli.Flag{outputFlag("table", "json", "yaml")},
			Action:      showContext,
		}, {
			Name: "set", Usage: "create or change a context", ArgsUsage: "CONTEXT VARIABLE=VALUE...",
			Description: "VARIABLE is one of the variables of watcher and syncer. VARIABLE= removes it.\n\n" +
				"Examples:\n" +
				"  ctl context set production NATS_URL=tls://nats.example.org:4222 NATS_CREDS=ctl.creds CLUSTER_NAME=east\n" +
				"  ctl context set production COMPONENT_REGISTRY_API_KEY_FILE=key",
			Action: setContext,
		}, {
			Name: "delete", Usage: "delete a context", ArgsUsage: contextUsage,
			Description: "Examples:\n  ctl context delete production",
			Action:      deleteContext,
		}},
	}
}

// NamedContext is a context as `ctl context list` prints it. The shape is stable; see docs/api.md.
type NamedContext struct {
	Name string `json:"name"`
	// Current means that it is selected in the file.
	Current   bool              `json:"current"`
	Variables map[string]string `json:"variables"`
}

func listContexts(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	file, err := contexts.Load(contexts.Path())
	if err != nil {
		return err
	}
	all := []NamedContext{}
	for _, name := range file.Names() {
		all = append(all, NamedContext{Name: name, Current: name == file.Current, Variables: file.Contexts[name]})
	}
	none := "no contexts: `ctl context set NAME NATS_URL=nats://HOST:PORT` creates one, and `ctl run` one named local"
	if done, err := printList(c, all, none, func(n NamedContext) string { return n.Name }); done {
		return err
	}
	rows := make([][]string, len(all))
	for n, one := range all {
		current := ""
		if one.Current {
			current = "*"
		}
		v := one.Variables
		rows[n] = []string{current, one.Name, dash(v["NATS_URL"]), dash(v["COMPONENT_REGISTRY_URL"]), dash(v["CLUSTER_NAME"]), dash(v["SYNC_TARGET"])}
	}
	return table(c, []string{"CURRENT", "NAME", "NATS", "REGISTRY", "CLUSTER", "TARGET"}, rows)
}

func useContext(c *cli.Context) error {
	name, err := oneContext(c)
	if err != nil {
		return err
	}
	err = contexts.Update(contexts.Path(), func(f *contexts.File) error {
		_, err := f.Context(name)
		f.Current = name
		return err
	})
	if err == nil {
		note(c, "context %q is selected", name)
	}
	return err
}

func deleteContext(c *cli.Context) error {
	name, err := oneContext(c)
	if err != nil {
		return err
	}
	err = contexts.Update(contexts.Path(), func(f *contexts.File) error {
		if _, err := f.Context(name); err != nil {
			return err
		}
		delete(f.Contexts, name)
		if f.Current == name {
			f.Current = ""
		}
		return nil
	})
	if err == nil {
		note(c, "context %q is deleted", name)
	}
	return err
}

// oneContext returns the argument of a command that takes the name of a context.
func oneContext(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", errors.New("give the name of one context: `ctl context list` shows them")
	}
	return c.Args().First(), nil
}

func showContext(c *cli.Context) error {
	if c.NArg() > 1 {
		return fmt.Errorf("unexpected argument %q: give one context, or none for the one in use", c.Args().Get(1))
	}
	environment, err := config.Environment()
	if err != nil {
		return err
	}
	o := overrides{given: func(string) (string, bool) { return c.Args().First(), c.Args().Present() }}
	name, selected, err := o.context(environment)
	switch {
	case err != nil:
		return err
	case name == "":
		return negative(c, errors.New("no context is in use: `ctl context use NAME` selects one, `ctl context list` shows them"))
	}
	file, err := contexts.Load(contexts.Path())
	if err != nil {
		return err
	}
	if done, err := printAs(c.App.Writer, c.String("output"), NamedContext{Name: name, Current: file.Current == name, Variables: selected}); done {
		return err
	}
	note(c, "context %s in %s", name, contexts.Path())
	var rows [][]string
	for _, variable := range slices.Sorted(maps.Keys(selected)) {
		used := "yes"
		if contexts.Overridden(environment, variable) {
			used = "no, the environment has it"
		}
		rows = append(rows, []string{variable, selected[variable], used})
	}
	return table(c, []string{"VARIABLE", "VALUE", "USED"}, rows)
}

func setContext(c *cli.Context) error {
	if c.NArg() < 2 {
		return errors.New("give a name and variables, as in ctl context set lab NATS_URL=nats://nats:4222")
	}
	name, assignments := c.Args().First(), c.Args().Tail()
	if err := contexts.CheckName(name); err != nil {
		return err
	}
	return contexts.Update(contexts.Path(), func(f *contexts.File) error {
		changed := maps.Clone(f.Contexts[name])
		if changed == nil {
			changed = contexts.Context{}
		}
		for _, assignment := range assignments {
			variable, value, ok := strings.Cut(assignment, "=")
			if !ok {
				return fmt.Errorf("%q is no VARIABLE=VALUE", variable)
			}
			if err := changed.Set(knownVariables(), variable, value); err != nil {
				return err
			}
		}
		if err := config.Load(c.Context, envconfig.MapLookuper(changed), allSections()...); err != nil {
			return fmt.Errorf("the context would be invalid: %w", err)
		}
		f.Contexts[name] = changed
		if f.Current != name {
			note(c, "context %q is set; `ctl context use %s` selects it", name, name)
		}
		return nil
	})
}

// knownVariables are those of watcher and syncer, which configure ctl too.
func knownVariables() []config.Variable { return config.Variables(allSections()...) }

// allSections are the sections of both processes.
func allSections() []config.Section {
	return slices.Concat(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections(), new(daemon.EnvConfig).Sections())
}
