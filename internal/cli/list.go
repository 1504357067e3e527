package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
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
	Terminating bool       `json:"terminating"`
	Sequence    uint64     `json:"sequence"`
	Registry    InRegistry `json:"registry"`
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
	// State is synced, pending, retrying, failed or deleted.
	State    string     `json:"state"`
	Sequence uint64     `json:"sequence"` // of the newest message that has an outcome
	ID       string     `json:"id"`
	Error    string     `json:"error"`
	Updated  *time.Time `json:"updated"` // null where there is no sync state
}

// The values of InRegistry.State.
const (
	stateSynced   = "synced"
	statePending  = "pending"
	stateRetrying = "retrying"
	stateFailed   = "failed"
	stateDeleted  = "deleted"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the components and their state in the registry",
		Flags: []cli.Flag{
			namespaceFlag("only this `NAMESPACE`"),
			outputFlag("table", "wide", "json", "yaml", "name"),
			targetFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			ctx, s, end, err := begin(c)
			if err != nil {
				return err
			}
			defer end()
			var malformed error
			items, err := s.items(ctx, func(k component.Key) bool {
				return !c.IsSet("namespace") || k.Namespace == c.String("namespace")
			}, func(err error) {
				malformed = negative(c, fmt.Errorf("%w: the watcher replaces it at its next start", err))
			})
			if err != nil {
				return err
			}
			items = slices.DeleteFunc(items, func(i Item) bool { return i.Registry.State == stateDeleted })
			return errors.Join(printItems(c, items), malformed)
		},
	}
}

// items joins the newest event of each selected component with its sync state, sorted by key. It calls malformed with the
// error of an event that cannot be decoded, and leaves the component out.
func (s *session) items(ctx context.Context, selects func(component.Key) bool, malformed func(error)) ([]Item, error) {
	states := map[component.Key]target.State{}
	if err := s.states.All(ctx, s.cluster, func(state target.State) { states[state.Key] = state }); err != nil {
		return nil, err
	}
	newest := map[component.Key]event.Event{}
	err := s.log.NewestOfEach(ctx, event.ClusterSubjects(s.cluster), func(e event.Event, err error) {
		switch {
		case err != nil:
			malformed(err)
		case selects(e.Key):
			newest[e.Key] = e
		}
	})
	if err != nil {
		return nil, err
	}
	items := []Item{}
	for key, e := range newest {
		items = append(items, s.item(e, states[key]))
	}
	slices.SortFunc(items, func(a, b Item) int { return a.key().Compare(b.key()) })
	return items, nil
}

// one is items for a single component.
func (s *session) one(ctx context.Context, key component.Key) ([]Item, error) {
	newest, found, err := s.log.Newest(ctx, key)
	if err != nil || !found {
		return []Item{}, err
	}
	state, err := s.states.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	return []Item{s.item(newest, state)}, nil
}

func (i *Item) key() component.Key {
	return component.Key{Cluster: i.Cluster, Namespace: i.Namespace, Name: i.Name}
}

func (s *session) item(e event.Event, state target.State) Item {
	i := Item{
		Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Sequence: e.Sequence,
		Dependencies: []Dependency{},
		Registry: InRegistry{
			Target: s.target, State: stateIn(e, state), Sequence: state.Sequence, ID: state.Ref.ID, Error: state.Error,
		},
	}
	if !state.Updated.IsZero() {
		i.Registry.Updated = &state.Updated
	}
	if e.Deleted() {
		return i
	}
	i.Version, i.DeploymentStatus = e.Component.Metadata.Version, e.Component.DeploymentStatus
	i.Terminating = e.Component.Terminating
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

// stateIn is the state of an event in the registry.
func stateIn(e event.Event, state target.State) string {
	switch {
	case state.Sequence < e.Sequence && state.Error != "" && state.Intent != 0:
		return stateRetrying
	case state.Sequence < e.Sequence:
		return statePending
	case state.Outcome == target.OutcomeFailed:
		return stateFailed
	case e.Deleted():
		return stateDeleted
	}
	return stateSynced
}

func printItems(c *cli.Context, items []Item) error {
	if done, err := printList(c, items, "no components", func(i Item) string { return i.Namespace + "/" + i.Name }); done {
		return err
	}
	header := []string{"NAMESPACE", "NAME", "VERSION", "APIS", "STATUS", "REGISTRY"}
	if c.String("output") == "wide" {
		header = append(header, "UNRESOLVED", "SEQUENCE", "ID", "UPDATED", "ERROR")
	}
	rows := make([][]string, len(items))
	for n, i := range items {
		rows[n] = []string{
			i.Namespace, i.Name, dash(i.Version), fmt.Sprintf("%d/%d", i.APIs.Ready, i.APIs.Total),
			i.status(), i.Registry.State,
		}
		if c.String("output") == "wide" {
			updated := "-"
			if i.Registry.Updated != nil {
				updated = i.Registry.Updated.Local().Format(time.DateTime)
			}
			rows[n] = append(rows[n], i.unresolved(), strconv.FormatUint(i.Sequence, 10), dash(i.Registry.ID), updated, dash(i.Registry.Error))
		}
	}
	return table(c.App.Writer, header, rows)
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
