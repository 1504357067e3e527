package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/cmdline"
	"odasync/internal/cli/render"
	"odasync/internal/ops"
)

// commonCategory is the heading of the flags that complete adds to commands.
const commonCategory = "Common"

// complete adds the flags that a command has because of its own: a command with a target has a cluster, one with a namespace can
// select all, a table can do without its header. It is the one place that decides where they apply.
func complete(command *cli.Command) {
	if len(command.Subcommands) > 0 || command.SkipFlagParsing {
		return
	}
	add := func(flag cli.Flag) {
		if name := flag.Names()[0]; !cmdline.HasFlag(command.Flags, name) {
			command.Flags = append(command.Flags, flag)
		}
	}
	if cmdline.HasFlag(command.Flags, "namespace") {
		add(allNamespacesFlag())
	}
	if cmdline.HasFlag(command.Flags, "target") {
		add(clusterFlag())
	}
	if hasTable(command.Flags) {
		add(noHeadersFlag())
	}
	if cmdline.HasFlag(command.Flags, "timeout") { // it connects to something
		add(contextFlag())
	}
	add(colorFlag())
}

func hasTable(flags []cli.Flag) bool {
	return slices.ContainsFunc(flags, func(flag cli.Flag) bool {
		text, ok := flag.(*cli.StringFlag)
		return ok && text.Name == "output" && text.Value == "table"
	})
}

// globalFlags may also precede the command. They are moved behind it, and count where the command has them.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		cli.HelpFlag, // the library leaves it out where there is a command help
		namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"), allNamespacesFlag(), selectorFlag(),
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "output `FORMAT`"}, noHeadersFlag(), watchFlag(),
		targetFlag(), clusterFlag(), &cli.DurationFlag{Name: "timeout", Usage: "give up after this `DURATION`"},
		contextFlag(), colorFlag(),
	}
}

func timeoutFlag(value time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Value: value, Usage: "give up after this `DURATION`", Action: func(_ *cli.Context, d time.Duration) error {
		if d <= 0 {
			return errors.New("--timeout must be more than 0, such as 30s")
		}
		return nil
	}}
}

// outputFlag is -o with the formats of a command; the first is the default.
func outputFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: formats[0], Usage: "output `FORMAT`: " + render.Formats(formats),
		Action: func(_ *cli.Context, format string) error { return render.Check(format, formats) },
	}
}

func noHeadersFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-headers", Usage: "print tables without the header", Category: commonCategory}
}

func colorFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "color", Value: ops.ColorAuto, Usage: "`WHEN` to use colour: auto, always or never; auto follows NO_COLOR", Category: commonCategory,
		Action: func(_ *cli.Context, when string) error {
			if !slices.Contains([]string{ops.ColorAuto, ops.ColorAlways, ops.ColorNever}, when) {
				return fmt.Errorf("--color is %q: auto, always, never", when)
			}
			return nil
		},
	}
}

// targetFlag selects the target. It takes precedence over SYNC_TARGET.
func targetFlag() cli.Flag {
	return &cli.StringFlag{Name: "target", Usage: "the `TARGET`, which is a registry and its syncers (default: SYNC_TARGET)"}
}

// clusterFlag selects the cluster. It takes precedence over CLUSTER_NAME.
func clusterFlag() cli.Flag {
	return &cli.StringFlag{Name: "cluster", Usage: "the `CLUSTER` of the components (default: CLUSTER_NAME)", Category: commonCategory}
}

// contextFlag selects a context. It takes precedence over ODASYNC_CONTEXT.
func contextFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "context", Category: commonCategory,
		Usage: "the `CONTEXT` behind the environment, empty for none (default: ODASYNC_CONTEXT, or that of ctl context use)",
	}
}

func namespaceFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: usage}
}

func allNamespacesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all-namespaces", Aliases: []string{"A"}, Usage: "all namespaces, as -n all", Category: commonCategory}
}

// selectorFlag selects components by their labels; see selectedLabels.
func selectorFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "selector", Aliases: []string{"l"}, Usage: "only components with these `LABELS`, such as team=red,tier!=test",
		Action: func(c *cli.Context, _ string) error { _, err := selectedLabels(c); return err },
	}
}

func watchFlag() cli.Flag {
	return &cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "continue, and print what changes, until Ctrl-C"}
}

func dryRunFlag(usage string) cli.Flag { return &cli.BoolFlag{Name: "dry-run", Usage: usage} }

// yesFlag is for commands that ask before they destroy something; see confirm.
func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}
}
