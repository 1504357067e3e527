package cli

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/cmdline"
	"odasync/internal/cli/completion"
	"odasync/internal/contexts"
	"odasync/internal/event"
	"odasync/internal/ops"
	"odasync/internal/printable"
)

// completionTimeout bounds how long a shell waits for names.
const completionTimeout = 2 * time.Second

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that makes a shell complete commands, flags, and names of components and namespaces",
		ArgsUsage: strings.Join(completion.Shells(), " | "),
		Description: "Examples:\n" +
			"  source <(ctl completion bash)\n" +
			"  ctl completion zsh >~/.zsh/completions/_ctl\n" +
			"  ctl completion fish | source",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return fmt.Errorf("give one shell: %s", strings.Join(completion.Shells(), ", "))
			}
			script, err := completion.Script(c.Args().First())
			if err == nil {
				err = write(c.App.Writer, script)
			}
			return err
		},
	}
}

// completeCommand prints the candidates for the last word of a command line, for the scripts.
func completeCommand() *cli.Command {
	return &cli.Command{
		Name: completion.Command, Hidden: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			ctx, cancel := context.WithTimeout(c.Context, completionTimeout)
			defer cancel()
			for _, one := range candidates(ctx, newApp(), completion.Words(c.Args().Slice())) {
				if err := write(c.App.Writer, printable.Line(one.text)+"\t"+printable.Line(one.about)+"\n"); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// candidate is a possible word, with a description or without.
type candidate struct{ text, about string }

// commandLine is what precedes the word to complete.
type commandLine struct {
	commands []*cli.Command // the possible next commands; empty behind a command without subcommands
	command  *cli.Command   // nil before there is one
	flags    []cli.Flag
	given    map[string]string // values of flags, by their first name
	args     []string
	pending  cli.Flag // the flag whose value is the word; nil for none
}

func parseLine(app *cli.App, words []string) *commandLine {
	l := &commandLine{commands: app.Commands, flags: app.Flags, given: map[string]string{}}
	for _, word := range words {
		switch next := cmdline.Find(l.commands, word); {
		case l.pending != nil:
			l.given[l.pending.Names()[0]] = word
			l.pending = nil
		case strings.HasPrefix(word, "-"):
			l.flag(word)
		case next != nil:
			l.command, l.commands, l.flags = next, next.Subcommands, next.Flags
		default:
			l.args = append(l.args, word)
		}
	}
	return l
}

func (l *commandLine) flag(word string) {
	name, value, attached := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, flag := range l.flags {
		switch {
		case !slices.Contains(flag.Names(), name):
		case attached:
			l.given[flag.Names()[0]] = value
		case cmdline.TakesValue(l.flags, word):
			l.pending = flag
		}
	}
}

// candidates returns the possible last words of a command line, sorted by kind as they are shown.
func candidates(ctx context.Context, app *cli.App, words []string) []candidate {
	if len(words) == 0 {
		return nil
	}
	last := words[len(words)-1]
	line := parseLine(app, words[:len(words)-1])
	var all []candidate
	name, value, attached := strings.Cut(last, "=")
	switch {
	case line.pending != nil:
		all = line.values(ctx, line.pending)
	case strings.HasPrefix(last, "-") && attached:
		if line.flag(name); line.pending == nil {
			return nil
		}
		for _, one := range matching(line.values(ctx, line.pending), value) {
			all = append(all, candidate{name + "=" + one.text, one.about})
		}
	case strings.HasPrefix(last, "-"):
		all = flagCandidates(line.flags)
	case len(line.commands) > 0:
		for _, command := range line.commands {
			if !command.Hidden {
				all = append(all, candidate{command.Name, command.Usage})
			}
		}
	case line.command != nil && len(line.args) == 0:
		all = line.arguments(ctx, app, last)
	}
	return matching(all, last)
}

func matching(all []candidate, prefix string) []candidate {
	return slices.DeleteFunc(all, func(one candidate) bool { return !strings.HasPrefix(one.text, prefix) })
}

func flagCandidates(flags []cli.Flag) []candidate {
	var all []candidate
	for _, flag := range flags {
		described, ok := flag.(cli.DocGenerationFlag)
		if ok {
			all = append(all, candidate{"--" + flag.Names()[0], strings.ReplaceAll(described.GetUsage(), "`", "")})
		}
	}
	return all
}

// values are the possible values of a flag; none where they are not known, such as those of files.
func (l *commandLine) values(ctx context.Context, flag cli.Flag) []candidate {
	switch name := flag.Names()[0]; name {
	case "color":
		return plain(ops.ColorAuto, ops.ColorAlways, ops.ColorNever)
	case "output":
		text, _ := flag.(*cli.StringFlag)
		_, formats, _ := strings.Cut(text.Usage, ": ")
		return plain(strings.Split(strings.ReplaceAll(formats, "jsonpath=TEMPLATE", "jsonpath="), ", ")...)
	case "reason":
		return plain(reasons()...)
	case "context":
		return contextCandidates()
	case "namespace", "cluster", "target":
		return l.stored(ctx, name)
	}
	return nil
}

func plain(texts ...string) []candidate {
	all := make([]candidate, len(texts))
	for n, text := range texts {
		all[n].text = text
	}
	return all
}

var namesAComponent = regexp.MustCompile(`\bNAME\b`)

// arguments are the possible first arguments of the command.
func (l *commandLine) arguments(ctx context.Context, app *cli.App, word string) []candidate {
	switch {
	case l.command.Name == "completion":
		return plain(completion.Shells()...)
	case l.command.ArgsUsage == contextUsage || l.command.ArgsUsage == optionalContextUsage:
		return contextCandidates()
	case l.command.Name == "help":
		return candidates(ctx, app, []string{word})
	case namesAComponent.MatchString(l.command.ArgsUsage):
		return l.stored(ctx, "component")
	}
	return nil
}

func contextCandidates() []candidate {
	f, err := contexts.Load(contexts.Path())
	if err != nil {
		return nil
	}
	return plain(f.Names()...)
}

// stored returns what the stream has of a kind; nothing if it cannot be read.
func (l *commandLine) stored(ctx context.Context, kind string) []candidate {
	given := func(flag string) (string, bool) { value, set := l.given[flag]; return value, set }
	s, err := openStream(withOverrides(ctx, overrides{given: given, contexts: true}))
	if err != nil {
		return nil
	}
	defer s.conn.Close()
	switch kind {
	case "cluster":
		clusters, _ := s.log.ComponentClusters(ctx)
		return plain(clusters...)
	case "target":
		registries, _ := s.log.Registries(ctx)
		var all []candidate
		for _, target := range slices.Sorted(maps.Keys(registries)) {
			all = append(all, candidate{target, registries[target]})
		}
		return all
	}
	namespaces := map[string][]string{}                     // of each name
	_ = s.log.Heads(ctx, s.cluster, func(head event.Head) { // what was read until an error is offered
		if in, limited := l.given["namespace"]; !head.Deleted && (!limited || kind == "namespace" || in == head.Key.Namespace) {
			namespaces[head.Key.Name] = append(namespaces[head.Key.Name], head.Key.Namespace)
		}
	})
	if kind == "namespace" {
		all := slices.Sorted(maps.Keys(setOf(namespaces)))
		return plain(all...)
	}
	var short, qualified []candidate
	for name, in := range namespaces {
		if len(in) == 1 {
			short = append(short, candidate{name, in[0]})
		}
		for _, namespace := range in {
			qualified = append(qualified, candidate{namespace + "/" + name, ""})
		}
	}
	byText := func(a, b candidate) int { return strings.Compare(a.text, b.text) }
	slices.SortFunc(short, byText)
	slices.SortFunc(qualified, byText)
	return append(short, qualified...)
}

func setOf(lists map[string][]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, one := range list {
			set[one] = true
		}
	}
	return set
}
