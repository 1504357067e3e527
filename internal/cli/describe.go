package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Description is a component as `ctl describe` prints it. The shape is stable; see docs/api.md.
type Description struct {
	Cluster         string            `json:"cluster"`
	Namespace       string            `json:"namespace"`
	Name            string            `json:"name"`
	ID              string            `json:"id"` // of its specification
	Version         string            `json:"version"`
	Description     string            `json:"description"`
	FunctionalBlock string            `json:"functionalBlock"`
	Labels          map[string]string `json:"labels"`
	// Created is when the resource was created, as its cluster has it; empty where it is unknown.
	Created          string `json:"created"`
	DeploymentStatus string `json:"deploymentStatus"`
	Terminating      bool   `json:"terminating"`
	// Deleted means that the component does not exist any more; the stream has only its history.
	Deleted bool `json:"deleted"`
	// Problem is why its state in the cluster is not in the stream; empty if it is.
	Problem      string       `json:"problem"`
	Sequence     uint64       `json:"sequence"`
	APIs         []API        `json:"apis"`
	Dependencies []Dependency `json:"dependencies"`
	// Targets are its states in the target of ctl and in every other one.
	Targets []InRegistry `json:"targets"`
	Events  []Event      `json:"events"` // the newest ones, oldest first
}

// describedEvents is the number of events that describe shows.
const describedEvents = 5

func describeCommand() *cli.Command {
	return &cli.Command{
		Name:      "describe",
		Usage:     "show everything that is known about one component",
		ArgsUsage: "NAME",
		Description: "Shows the component with its APIs, its state in each target with the last error in full, and its last events.\n\n" +
			"Exit code 1: NAME does not select one component.\n\n" +
			"Examples:\n" +
			"  ctl describe catalog\n" +
			"  ctl describe shop/catalog -o json",
		Flags: []cli.Flag{
			namespaceFlag("`NAMESPACE` of the component"),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			return withKnown(c, func(ctx context.Context, s *session, key component.Key) error {
				d, err := s.describe(ctx, key)
				if err != nil {
					return err
				}
				if done, err := printAs(c.App.Writer, c.String("output"), d); done {
					return err
				}
				return printDescription(c, &d)
			})
		},
	}
}

// describe collects what is known about a component.
func (s *session) describe(ctx context.Context, key component.Key) (Description, error) {
	d := Description{
		Cluster: key.Cluster, Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{}, Dependencies: []Dependency{}, Events: []Event{},
	}
	targets, err := s.targets(ctx)
	if err != nil {
		return d, err
	}
	standings := make([]*standing, len(targets)) // before the message
	for n, name := range targets {
		other, err := s.in(ctx, name)
		if err != nil {
			return d, err
		}
		if standings[n], err = other.standingOf(ctx, key); err != nil {
			return d, err
		}
	}
	newest, err := s.newest(ctx, key)
	if err != nil {
		return d, err
	}
	d.fill(&newest)
	for n, name := range targets {
		other := &session{target: name}
		item := other.item(newest.Event, newest.malformed, standings[n])
		if d.Targets = append(d.Targets, item.Registry); name == s.target {
			d.Dependencies = item.Dependencies
			if p, found := standings[n].problems[key]; found && p.orphan == "" {
				d.Problem = p.message
			}
		}
	}
	d.Events, err = s.lastEvents(ctx, key)
	return d, err
}

// fill sets what the newest message says.
func (d *Description) fill(n *newest) {
	d.Sequence, d.APIs, d.Deleted = n.Sequence, apisOf(n.Event), n.head().Deleted
	if n.malformed != nil {
		d.Problem = n.malformed.Error()
	}
	content := n.Component
	if content == nil {
		return
	}
	m := &content.Metadata
	d.ID, d.Version, d.Description, d.FunctionalBlock = m.ID, m.Version, m.Description, m.FunctionalBlock
	d.Created, d.DeploymentStatus, d.Terminating = content.Created, content.DeploymentStatus, content.Terminating
	if content.Labels != nil {
		d.Labels = content.Labels
	}
}

// lastEvents describes the newest events of a component, oldest first. Events that cannot be decoded are left out.
func (s *session) lastEvents(ctx context.Context, key component.Key) ([]Event, error) {
	var found []event.Event
	err := s.log.History(ctx, event.Subject(key), time.Time{}, func(e event.Event, err error) {
		if err == nil {
			found = append(found, e)
		}
	})
	if err != nil {
		return nil, err
	}
	return s.describeEvents(ctx, found[max(0, len(found)-describedEvents):])
}

func printDescription(c *cli.Context, d *Description) error {
	p := newPrinter(c)
	field := func(name, value string) { p.line("%-18s%s", name+":", dash(value)) }
	field("Component", d.Namespace+"/"+d.Name)
	field("Cluster", d.Cluster)
	field("Version", d.Version)
	for _, optional := range [][2]string{{"ID", d.ID}, {"Functional block", d.FunctionalBlock}, {"Description", d.Description}, {"Created", d.Created}} {
		if optional[1] != "" {
			field(optional[0], optional[1])
		}
	}
	if len(d.Labels) > 0 {
		field("Labels", labelText(d.Labels))
	}
	field("Status", d.status())
	if d.Problem != "" {
		field("Problem", d.Problem)
	}
	p.section("APIs", len(d.APIs), []string{"SPECIFICATION", "API", "SEGMENT", "STATE", "ADDRESS"}, func(n int) []string {
		a := &d.APIs[n]
		return []string{a.standard(), a.Name, string(a.Segment), a.State, dash(a.URL)}
	})
	if len(d.Dependencies) > 0 {
		p.section("Dependencies", len(d.Dependencies), []string{"API", "SEGMENT", "RESOLVED", "ADDRESS"}, func(n int) []string {
			a := &d.Dependencies[n]
			return []string{a.Name, string(a.Segment), yesNo(a.Ready), dash(a.URL)}
		})
	}
	p.section("Targets", len(d.Targets), []string{"TARGET", "STATE", "SEQUENCE", "ID", "UPDATED", "VERIFIED"}, func(n int) []string {
		r := &d.Targets[n]
		return []string{r.Target, r.State, fmt.Sprintf("%d of %d", r.Sequence, d.Sequence), dash(r.ID), when(r.Updated), since(r.Verified)}
	})
	for _, r := range d.Targets {
		if r.Error != "" && r.Error != d.Problem {
			p.line("")
			p.line("Error in target %s: %s", r.Target, r.Error)
		}
	}
	p.section("Events", len(d.Events), withOutcome(eventHeader(false), "OUTCOME"), func(n int) []string {
		return withOutcome(d.Events[n].row(false), dash(d.Events[n].Outcome))
	})
	return p.err
}

// section prints a table under its name; a line where it is empty.
func (p *printer) section(name string, count int, header []string, row func(n int) []string) {
	p.line("")
	if count == 0 {
		p.line("%s: none", name)
		return
	}
	p.line("%s:", name)
	rows := make([][]string, count)
	for n := range rows {
		rows[n] = row(n)
	}
	p.table(header, rows)
}

// status is that of the deployment, and whether the resource is going or gone.
func (d *Description) status() string {
	switch {
	case d.Deleted:
		return "deleted"
	case d.Terminating:
		return strings.TrimPrefix(d.DeploymentStatus+", terminating", ", ")
	}
	return d.DeploymentStatus
}

// labelText is labels as kubectl prints them.
func labelText(labels map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		texts = append(texts, name+"="+labels[name])
	}
	return strings.Join(texts, ", ")
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
