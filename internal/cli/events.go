package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
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
	// Terminating says that the resource was being deleted and waited for its finalizers.
	Terminating bool `json:"terminating"`
	// Verify says that the event asked for the registry itself to be compared.
	Verify bool `json:"verify"`
	// Changes says in words what differs from the event before it.
	Changes []string `json:"changes"`
}

// The words for Event.Event.
const (
	eventUpserted = "upserted"
	eventDeleted  = "deleted"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "show a component's history from the stream, or follow what happens",
		ArgsUsage: "NAME | --follow [NAME]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "namespace", Aliases: []string{"n"}, Usage: "the component's `NAMESPACE`"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "print new events as they come, of all components where no name is given, until Ctrl-C"},
			sinceFlag("only events since this `TIME`, such as 2026-01-02T15:04:05Z, or this long ago, such as 15m, 2h or 7d"),
			outputFlag("table", "wide", "json", "yaml"),
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
	ctx, s, end, err := begin(c)
	if err != nil {
		return err
	}
	defer end()
	filter := event.Subjects(s.cluster, c.String("namespace"), c.Args().First())
	if c.Bool("follow") {
		return s.follow(c, filter, since)
	}
	return s.history(ctx, c, filter, since)
}

// history prints the events that are there.
func (s *session) history(ctx context.Context, c *cli.Context, filter string, since time.Time) error {
	found, unreadable, err := s.past(ctx, c, filter, since)
	if err != nil {
		return err
	}
	namespaces := map[string]bool{}
	for _, e := range found {
		namespaces[e.Key.Namespace] = true
	}
	if len(namespaces) > 1 {
		return negative(c, fmt.Errorf("%d components are called %q: choose one with -n NAMESPACE", len(namespaces), c.Args().First()))
	}
	if len(found) == 0 && unreadable == nil {
		known := false
		if err := s.log.Newests(ctx, filter, func(event.Event, error) { known = true }); err != nil {
			return err
		}
		if !known {
			return negative(c, fmt.Errorf("no event of a component %q: `ctl list` shows what the watcher has published, `ctl events --follow` what it publishes", c.Args().First()))
		}
	}
	story := &story{session: s}
	events := []Event{}
	for _, e := range found {
		told, err := story.tell(ctx, e)
		if err != nil {
			return err
		}
		events = append(events, told)
	}
	return errors.Join(printEvents(c, events), unreadable)
}

// past reads events; what cannot be read is said, and is a negative answer.
func (s *session) past(ctx context.Context, c *cli.Context, filter string, since time.Time) (found []event.Event, unreadable, err error) {
	err = s.log.History(ctx, filter, since, func(e event.Event, err error) {
		if err != nil {
			unreadable = negative(c, err)
			return
		}
		found = append(found, e)
	})
	return found, unreadable, err
}

// follow prints events one by one until the command is told to stop, which is how it is done.
func (s *session) follow(c *cli.Context, filter string, since time.Time) error {
	printer, story := newEventPrinter(c), &story{session: s}
	return s.log.Follow(c.Context, filter, since, func(e event.Event, err error) error {
		if err != nil {
			_ = negative(c, err) // one of many: go on
			return nil
		}
		told, err := story.tell(c.Context, e)
		if err != nil {
			return err
		}
		return printer.print(told)
	})
}

// story tells events one after the other, each against the one of its component before.
type story struct {
	session *session
	newest  map[component.Key]event.Event
}

func (s *story) tell(ctx context.Context, e event.Event) (Event, error) {
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
	told := Event{
		Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Sequence: e.Sequence, Time: e.Time.UTC(),
		Event: eventDeleted, Hash: e.Hash, ResourceVersion: e.ResourceVersion, UID: e.UID, Verify: e.Verify,
		Changes: []string{"first known"},
	}
	if !e.Deleted() {
		told.Event, told.Version = eventUpserted, e.Component.Metadata.Version
		told.Terminating = e.Component.Terminating
	}
	if known {
		told.Changes = changeWords(before, e)
	}
	if told.Terminating && !slices.Contains(told.Changes, wordTerminating) {
		told.Changes = append(told.Changes, wordTerminating) // which the table shows nowhere else
	}
	return told, nil
}
