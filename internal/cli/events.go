package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/render"
	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// Event is one event of a component as `ctl events` prints it. The shape is stable; see docs/api.md.
type Event struct {
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Sequence  uint64    `json:"sequence"`
	Time      time.Time `json:"time"` // when the watcher saw the change
	// Event is upserted or deleted.
	Event           string `json:"event"`
	Version         string `json:"version"`
	Hash            string `json:"hash"`
	ResourceVersion string `json:"resourceVersion"`
	UID             string `json:"uid"`
	// Terminating means that the resource was being deleted and waited for its finalizers.
	Terminating bool `json:"terminating"`
	// Changes describe the differences from the event before it.
	Changes []string `json:"changes"`
	// Outcome is what became of it in the target: applied, deleted, rejected, retrying or pending; empty where that is not known,
	// as of an event that a newer one has followed.
	Outcome string `json:"outcome"`
}

// The values of Event.Event.
const (
	eventUpserted = "upserted"
	eventDeleted  = "deleted"
)

// The values of Event.Outcome beside those of target.Outcome.
const (
	eventRejected = "rejected"
	eventRetrying = "retrying"
	eventPending  = "pending"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "show a component's history in the stream, or follow new events",
		ArgsUsage: "NAME | --follow [NAME]",
		Description: "Events that change nothing, as after an upgrade of the watcher, are left out without --all. OUTCOME is what became of the\n" +
			"event in the target, where that is known.\n\n" +
			"--follow ends with Ctrl-C, or after --timeout where it is given, with exit code 0.\n\n" +
			"Exit code 1: NAME does not select one component, or an event cannot be decoded.\n\n" +
			"Examples:\n" +
			"  ctl events catalog -n shop --since 2h\n" +
			"  ctl events --follow -o json",
		Flags: []cli.Flag{
			namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "print new events, of all components without a NAME"},
			&cli.BoolFlag{Name: "all", Usage: "also events that change nothing"},
			sinceFlag("only events since `WHEN`: a time such as 2026-01-02T15:04:05Z, or a duration such as 15m, 2h or 7d"),
			outputFlag("table", "wide", "json", "yaml"),
			targetFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: eventsAction,
	}
}

func eventsAction(c *cli.Context) error {
	switch {
	case c.NArg() > 1:
		return fmt.Errorf("unexpected argument %q: give one name", c.Args().Get(1))
	case !c.Args().Present() && !c.Bool("follow"):
		return errors.New("give the name of a component, or --follow")
	}
	since, err := sinceTime(c)
	if err != nil {
		return err
	}
	name, scope, err := selectedComponent(c)
	if err != nil {
		return err
	}
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	filter := event.Subjects(s.cluster, scope.Namespace(), name)
	if c.Bool("follow") {
		if err := s.noteFollowed(ctx, c, filter, scope); err != nil {
			return err
		}
		return s.follow(c, filter, scope, since)
	}
	return s.history(ctx, c, filter, scope, since)
}

// history prints the recorded events.
func (s *session) history(ctx context.Context, c *cli.Context, filter string, scope component.Scope, since time.Time) error {
	found, malformed, err := s.past(ctx, c, filter, since)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(e event.Event) bool { return !scope.Contains(e.Key.Namespace) })
	namespaces := map[string]bool{}
	for _, e := range found {
		namespaces[e.Key.Namespace] = true
	}
	if len(namespaces) > 1 {
		s.sayScope(c, scope, "target "+s.target)
		return negative(c, fmt.Errorf(ambiguous, len(namespaces), c.Args().First()))
	}
	if len(found) == 0 && malformed == nil {
		known := false
		if err := s.log.NewestOfEach(ctx, filter, func(e event.Event, _ error) { known = known || scope.Contains(e.Key.Namespace) }); err != nil {
			return err
		}
		if !known {
			return errors.Join(negative(c, fmt.Errorf("no event of a component %q: `ctl list` shows the components", c.Args().First())), s.noteScope(ctx, c, scope, 0))
		}
	}
	events, err := s.describeEvents(ctx, found)
	if err != nil {
		return err
	}
	total := len(events)
	if !c.Bool("all") {
		events = slices.DeleteFunc(events, Event.isIdle)
	}
	err = printEvents(c, events)
	if hidden := total - len(events); hidden > 0 {
		note(c, "%d %s that changed nothing: --all shows them", hidden, render.Plural(hidden, "event"))
	}
	return errors.Join(err, s.noteScope(ctx, c, scope, 1), malformed)
}

// isIdle reports whether the event changed nothing.
func (e Event) isIdle() bool { return len(e.Changes) == 1 && e.Changes[0] == nothing }

// describeEvents describes the events of one component, oldest first, with what became of them.
func (s *session) describeEvents(ctx context.Context, found []event.Event) ([]Event, error) {
	comparer, events := &eventComparer{session: s}, make([]Event, len(found))
	for n, e := range found {
		var err error
		if events[n], err = comparer.describe(ctx, e); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return events, nil
	}
	state, err := s.state(ctx, found[0].Key)
	if err != nil {
		return nil, err
	}
	for n := len(events) - 1; n >= 0; n-- {
		last := n == len(events)-1
		events[n].Outcome = outcomeOf(found[n].Sequence, last, state)
		if !last && events[n].Outcome == "" && events[n+1].isIdle() { // its content is the same
			events[n].Outcome = events[n+1].Outcome
		}
	}
	return events, nil
}

// outcomeOf is what became of the event with that sequence; empty where it is not known.
func outcomeOf(sequence uint64, last bool, s target.State) string {
	switch {
	case sequence == s.Sequence && s.Outcome == target.OutcomeFailed:
		return eventRejected
	case sequence == s.Sequence:
		return string(s.Outcome)
	case !last || sequence < s.Sequence:
		return ""
	case sequence == s.Intent && s.Error != "":
		return eventRetrying
	}
	return eventPending
}

// past reads events; one that cannot be decoded is a negative result.
func (s *session) past(ctx context.Context, c *cli.Context, filter string, since time.Time) (found []event.Event, malformed, err error) {
	err = s.log.History(ctx, filter, since, func(e event.Event, err error) {
		if err != nil {
			malformed = negative(c, err)
			return
		}
		found = append(found, e)
	})
	return found, malformed, err
}

// noteFollowed says what is followed, before the first event of it comes.
func (s *session) noteFollowed(ctx context.Context, c *cli.Context, filter string, scope component.Scope) error {
	_, found, err := s.conn.Last(ctx, stream.StreamName, filter) // with globs, of the whole cluster
	known := 0
	if found {
		known = 1
	}
	return errors.Join(err, s.noteScope(ctx, c, scope, known))
}

// follow prints events until the command is interrupted, or --timeout is over.
func (s *session) follow(c *cli.Context, filter string, scope component.Scope, since time.Time) error {
	printer, comparer, ctx := newEventPrinter(c), &eventComparer{session: s}, c.Context
	if c.IsSet("timeout") { // the default only bounds the connecting
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration("timeout"))
		defer cancel()
	}
	err := s.log.Follow(ctx, filter, since, func(e event.Event, err error) error {
		if err != nil {
			_ = negative(c, err) // continue with the next event
			return nil
		}
		if !scope.Contains(e.Key.Namespace) {
			return nil
		}
		described, err := comparer.describe(ctx, e)
		if err != nil || described.isIdle() && !c.Bool("all") {
			return err
		}
		return printer.print(described)
	})
	if ctx.Err() != nil { // an event that was being read comes with the next call
		return nil
	}
	return err
}

// eventComparer describes events in order, each by its changes from the component's event before it.
type eventComparer struct {
	session *session
	newest  map[component.Key]event.Event
}

func (s *eventComparer) describe(ctx context.Context, e event.Event) (Event, error) {
	before, known := s.newest[e.Key]
	if !known {
		var err error
		if before, known, err = s.session.log.Before(ctx, e); err != nil {
			return Event{}, err
		}
	}
	if s.newest == nil {
		s.newest = map[component.Key]event.Event{}
	}
	s.newest[e.Key] = e
	described := Event{
		Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Sequence: e.Sequence, Time: e.Time.UTC(),
		Event: eventDeleted, Hash: e.Hash, ResourceVersion: e.ResourceVersion, UID: e.UID,
		Changes: []string{"first known"},
	}
	if !e.Deleted() {
		described.Event, described.Version = eventUpserted, e.Component.Metadata.Version
		described.Terminating = e.Component.Terminating
	}
	if known {
		described.Changes = describeChanges(before, e)
	}
	if described.Terminating && !slices.Contains(described.Changes, terminating) {
		described.Changes = append(described.Changes, terminating) // the table has no column for it
	}
	return described, nil
}
