package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/util/duration"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/explain"
)

// Item is a component as `ctl list` and `ctl sync` print it. The shape is stable; see docs/api.md.
type Item struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	APIs      APIs   `json:"apis"`
	// Dependencies are the APIs of other components that it needs, in all segments.
	Dependencies     []Dependency `json:"dependencies"`
	DeploymentStatus string       `json:"deploymentStatus"`
	// Terminating means that the resource is being deleted and waits for its finalizers.
	Terminating bool `json:"terminating"`
	// Created is when the resource was created, as its cluster has it; empty where it is unknown.
	Created  string     `json:"created"`
	Sequence uint64     `json:"sequence"`
	Registry InRegistry `json:"registry"`

	content *component.Component // nil where there is none
}

// APIs counts a component's APIs in all segments.
type APIs struct {
	Ready int `json:"ready"`
	Total int `json:"total"`
}

// Dependency is an API of another component.
type Dependency struct {
	Name    string            `json:"name"`
	Segment component.Segment `json:"segment"`
	// URL is the address that the Canvas found for it; empty while there is none.
	URL string `json:"url"`
	// Ready is whether the Canvas reports it as resolved.
	Ready bool `json:"ready"`
}

// InRegistry is the sync state of a component in the target.
type InRegistry struct {
	Target string `json:"target"`
	// State is one of the states of standing.go.
	State    string     `json:"state"`
	Sequence uint64     `json:"sequence"` // of the newest message that has an outcome
	ID       string     `json:"id"`
	Error    string     `json:"error"`
	Updated  *time.Time `json:"updated"` // null where there is no sync state
	// Verified is when the entry was last known to be right; null unless the component is synced.
	Verified *time.Time `json:"verified"`
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list the components and their state in the registry",
		ArgsUsage: "[NAME]",
		Description: "Exit code 1: there is no component of that NAME, or an event cannot be decoded.\n\n" +
			"Examples:\n" +
			"  ctl list -n shop -o wide\n" +
			"  ctl list --state failed,retrying\n" +
			"  ctl list -l team=red -o name\n" +
			"  ctl list --watch",
		Flags: []cli.Flag{
			namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			selectorFlag(),
			&cli.StringFlag{Name: "state", Usage: "only components in these `STATES`: " + strings.Join(explain.States(), ", "), Action: func(_ *cli.Context, text string) error {
				_, err := parseStates(text)
				return err
			}},
			outputFlag("table", "wide", "json", "yaml", "name"),
			watchFlag(),
			targetFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			began := time.Now()
			return whileWatched(c, true, func() error { return listComponents(c, began) })
		},
	}
}

// listComponents lists the components. What was deleted after the time is shown with --watch.
func listComponents(c *cli.Context, began time.Time) error {
	name, scope, selector, err := selectedComponents(c)
	if err != nil {
		return err
	}
	states, err := parseStates(c.String("state"))
	if err != nil {
		return err
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	var malformed error
	selects := func(k component.Key) bool { return scope.Contains(k.Namespace) && (name == "" || k.Name == name) }
	items, err := s.items(ctx, selects, func(err error) {
		malformed = negative(c, fmt.Errorf("%w: the watcher replaces it at its next start", err))
	})
	if err != nil {
		return err
	}
	items = slices.DeleteFunc(items, func(i Item) bool {
		return i.Registry.State == stateDeleted && !(c.Bool("watch") && i.Registry.Updated != nil && i.Registry.Updated.After(began))
	})
	if name != "" && len(items) == 0 && !c.Bool("watch") {
		return s.notFound(ctx, c, component.Key{Cluster: s.cluster, Namespace: scope.Namespace(), Name: name})
	}
	existing := len(items)
	items = slices.DeleteFunc(items, func(i Item) bool {
		return !selector.Empty() && !has(selector, i.content) || states != nil && !slices.Contains(states, i.Registry.State)
	})
	if err := errors.Join(printItems(c, items), s.noteScope(ctx, c, scope, existing), s.noteTarget(ctx, c)); err != nil {
		return err
	}
	return malformed
}

// parseStates returns the states of a comma-separated list; nil for an empty text. A hyphen may stand for an underscore.
func parseStates(text string) ([]string, error) {
	var states []string
	for part := range strings.SplitSeq(text, ",") {
		state := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(part)), "-", "_")
		switch {
		case state == "":
		case slices.Contains(explain.States(), state):
			states = append(states, state)
		default:
			return nil, fmt.Errorf("--state is %q: %s", text, strings.Join(explain.States(), ", "))
		}
	}
	return states, nil
}

// items joins the newest event of each selected component with its standing, sorted by key. It also calls malformed with the
// error of an event that cannot be decoded.
func (s *session) items(ctx context.Context, selects func(component.Key) bool, malformed func(error)) ([]Item, error) {
	all, err := s.standing(ctx)
	if err != nil {
		return nil, err
	}
	return s.itemsOf(ctx, all, selects, malformed)
}

// itemsOf is items with a standing that was read before.
func (s *session) itemsOf(ctx context.Context, all *standing, selects func(component.Key) bool, malformed func(error)) ([]Item, error) {
	newest := map[component.Key]Item{}
	for key := range all.problems { // some were never published
		if selects(key) {
			newest[key] = s.item(event.Event{Key: key}, nil, all)
		}
	}
	err := s.log.NewestOfEach(ctx, event.ClusterSubjects(s.cluster), func(e event.Event, err error) {
		if err != nil {
			malformed(err)
		}
		if selects(e.Key) {
			newest[e.Key] = s.item(e, err, all)
		}
	})
	if err != nil {
		return nil, err
	}
	items := slices.AppendSeq([]Item{}, maps.Values(newest))
	slices.SortFunc(items, func(a, b Item) int { return a.key().Compare(b.key()) })
	return items, nil
}

func (i *Item) key() component.Key {
	return component.Key{Cluster: i.Cluster, Namespace: i.Namespace, Name: i.Name}
}

// item returns a component with its newest event; without one it has only its key. malformed is why the event cannot be decoded.
func (s *session) item(e event.Event, malformed error, all *standing) Item {
	head, known := event.Head{Key: e.Key, Sequence: e.Sequence, Deleted: e.Deleted(), Hash: e.Hash}, all.states[e.Key]
	if malformed != nil {
		head.Deleted, head.Hash = false, ""
	}
	i := Item{
		Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Sequence: e.Sequence,
		Dependencies: []Dependency{},
		Registry:     InRegistry{Target: s.target, Sequence: known.Sequence, ID: known.Ref.ID},
	}
	i.Registry.State, i.Registry.Error = all.of(head)
	switch {
	case malformed != nil && i.Registry.Error == "":
		i.Registry.Error = malformed.Error()
	case i.Registry.State == stateSynced:
		i.Registry.Verified = all.verified(known)
	}
	if !known.Updated.IsZero() {
		i.Registry.Updated = &known.Updated
	}
	if malformed != nil || e.Deleted() {
		return i
	}
	i.content = e.Component
	i.Version, i.DeploymentStatus = e.Component.Metadata.Version, e.Component.DeploymentStatus
	i.Terminating, i.Created = e.Component.Terminating, e.Component.Created
	for _, api := range e.Component.ExposedAPIs {
		i.APIs.Total++
		if api.Ready {
			i.APIs.Ready++
		}
	}
	for _, api := range e.Component.DependentAPIs {
		i.Dependencies = append(i.Dependencies, Dependency{Name: api.Name, Segment: api.Segment, URL: api.URL, Ready: api.Ready})
	}
	return i
}

func printItems(c *cli.Context, items []Item) error {
	if done, err := printList(c, items, "no components", func(i Item) string { return i.Namespace + "/" + i.Name }); done {
		return err
	}
	wide := c.String("output") == "wide"
	header := []string{"NAMESPACE", "NAME", "VERSION", "APIS", "STATUS", "REGISTRY", "AGE"}
	if wide {
		header = append(header, "UNRESOLVED", "SEQUENCE", "ID", "UPDATED", "VERIFIED")
	}
	rows := make([][]string, len(items))
	for n, i := range items {
		rows[n] = []string{
			i.Namespace, i.Name, dash(i.Version), fmt.Sprintf("%d/%d", i.APIs.Ready, i.APIs.Total), i.status(), i.Registry.State, i.age(),
		}
		message := brief(explain.Failure(i.key(), i.Registry.Error))
		if wide {
			rows[n] = append(rows[n], i.unresolved(), strconv.FormatUint(i.Sequence, 10), dash(i.Registry.ID), when(i.Registry.Updated), since(i.Registry.Verified))
			message = i.Registry.Error
		}
		rows[n] = append(rows[n], dash(message))
	}
	return table(c, append(header, "MESSAGE"), rows)
}

// age is the AGE column: the time since the resource was created.
func (i *Item) age() string {
	created, err := time.Parse(time.RFC3339, i.Created)
	if err != nil {
		return "-"
	}
	return duration.HumanDuration(time.Since(created))
}

// when is a time in a table; - for none.
func when(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.Local().Format(time.DateTime)
}

// since is the time since then in a table; - for never.
func since(then *time.Time) string {
	if then == nil {
		return "-"
	}
	return duration.HumanDuration(time.Since(*then)) + " ago"
}

// unresolved is the UNRESOLVED column: how many of the dependencies are not resolved.
func (i *Item) unresolved() string {
	count := 0
	for _, d := range i.Dependencies {
		if !d.Ready {
			count++
		}
	}
	return fmt.Sprintf("%d/%d", count, len(i.Dependencies))
}

// status is the STATUS column. As in kubectl, Terminating replaces the deployment status.
func (i *Item) status() string {
	if i.Terminating {
		return "Terminating"
	}
	return dash(i.DeploymentStatus)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
