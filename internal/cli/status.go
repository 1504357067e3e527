package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/target"
)

// Status is what `ctl status -o json` prints. Its fields stay; more may come.
type Status struct {
	Cluster string `json:"cluster"`
	Target  string `json:"target"`
	// Watchers and Syncers are all that answered, of every cluster and target.
	Watchers []control.WatcherStatus `json:"watchers"`
	Syncers  []control.SyncerStatus  `json:"syncers"`
	// Pending messages wait for a syncer of the target, Unfinished ones have been given to one without an outcome yet.
	Pending    uint64 `json:"pending"`
	AckPending int    `json:"ackPending"`
	// DeadLetters counts those of the target, of all clusters.
	DeadLetters int `json:"deadLetters"`
	// FullSync is the last comparison of the cluster with the stream, Reconcile the last of the stream with the registry;
	// null where none is known.
	FullSync  *event.Marker          `json:"fullSync"`
	Reconcile *target.Reconciliation `json:"reconcile"`
	// Problems say in words what is not as it should be; none where all is well.
	Problems []string `json:"problems"`
}

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "ask every running process how it is, and say what is wrong",
		Flags: []cli.Flag{outputFlag("table", "json", "yaml"), timeoutFlag(15 * time.Second)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unexpected argument %q: see ctl status --help", c.Args().First())
			}
			ctx, s, end, err := begin(c)
			if err != nil {
				return err
			}
			defer end()
			status, err := s.status(ctx)
			if err != nil {
				return err
			}
			if err := printStatus(c, status); err != nil {
				return err
			}
			if len(status.Problems) > 0 {
				return errNegative
			}
			return nil
		},
	}
}

func (s *session) status(ctx context.Context) (Status, error) {
	status := Status{Cluster: s.cluster, Target: s.target, Problems: []string{}}
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() (err error) { status.Watchers, err = s.control().Watchers(asked); return err })
	asking.Go(func() (err error) { status.Syncers, err = s.control().Syncers(asked); return err })
	if err := asking.Wait(); err != nil {
		return status, err
	}
	slices.SortFunc(status.Watchers, func(a, b control.WatcherStatus) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(status.Syncers, func(a, b control.SyncerStatus) int { return cmp.Compare(a.ID, b.ID) })
	backlog, err := s.log.Backlog(ctx, s.target)
	if err != nil {
		return status, err
	}
	status.Pending, status.AckPending = backlog.Pending, backlog.AckPending
	letters, err := store.OpenDeadLetters(ctx, s.conn, s.target)
	if err == nil {
		err = letters.All(ctx, func(store.DeadLetter, error) { status.DeadLetters++ })
	}
	if err != nil {
		return status, err
	}
	if err := s.lastComparisons(ctx, &status); err != nil {
		return status, err
	}
	status.Problems = status.problems()
	return status, nil
}

// lastComparisons reads what the last full sync and the last reconcile found.
func (s *session) lastComparisons(ctx context.Context, status *Status) error {
	marker, found, err := s.log.LastMark(ctx, s.cluster)
	if err != nil && !errors.Is(err, event.ErrMalformed) {
		return err
	}
	if found && err == nil {
		status.FullSync = &marker
	}
	records, err := store.OpenRecords(ctx, s.conn)
	if err != nil {
		return err
	}
	last, found, err := records.LastReconcile(ctx, s.target, s.cluster)
	if found {
		status.Reconcile = &last
	}
	return err
}

// problems puts into words what is not as it should be.
func (s *Status) problems() []string {
	problems := []string{}
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	leaders, syncers := 0, 0
	for _, w := range s.Watchers {
		if w.Cluster == s.Cluster && w.Leader {
			leaders++
		}
		for _, problem := range w.Problems {
			say("watcher %s: %s", w.ID, problem)
		}
		if w.PendingDeletion != nil {
			say("deletion pending approval: %v", w.PendingDeletion)
		}
	}
	for _, y := range s.Syncers {
		if y.Target == s.Target {
			syncers++
		}
		for _, problem := range y.Problems {
			say("syncer %s: %s", y.ID, problem)
		}
	}
	if leaders == 0 {
		say("no watcher leads cluster %q: start one, or set CLUSTER_NAME to the name of the cluster that is meant", s.Cluster)
	}
	if leaders > 1 {
		say("%d watchers say that they lead cluster %q: look again in a moment", leaders, s.Cluster)
	}
	if syncers == 0 {
		say("no syncer of target %q runs: start one, or set SYNC_TARGET to the name of the target that is meant", s.Target)
	}
	if m := s.FullSync; m != nil && len(m.Unlisted) > 0 {
		say("the last full sync could not list %s: nothing is deleted there; the watcher's log tells why", strings.Join(m.Unlisted, ", "))
	}
	if r := s.Reconcile; r != nil {
		if r.PendingDeletion != nil {
			say("deletion pending approval: %v", r.PendingDeletion)
		}
		if r.Error != "" {
			say("the last reconcile was not finished: %s", r.Error)
		}
	}
	if s.DeadLetters > 0 {
		say("components that the registry does not take: %d, `ctl dlq list` shows them", s.DeadLetters)
	}
	return problems
}

func printStatus(c *cli.Context, s Status) error {
	if done, err := printAs(c.App.Writer, c.String("output"), s); done {
		return err
	}
	rows := [][]string{}
	row := func(process string, of control.ProcessStatus, role, breaker, applying string) {
		ready := "no"
		if of.Ready {
			ready = "yes"
		}
		rows = append(rows, []string{process, of.ID, of.Version, role, ready, dash(breaker), applying, ago(of.Started)})
	}
	for _, w := range s.Watchers {
		role := "stands by for " + w.Cluster
		if w.Leader {
			role = "leads " + w.Cluster
		}
		row("watcher", w.ProcessStatus, role, "", "-")
	}
	for _, y := range s.Syncers {
		row("syncer", y.ProcessStatus, "feeds "+y.Target, y.Breaker, fmt.Sprintf("%d of %d", y.InFlight, y.Limit))
	}
	var text strings.Builder
	err := table(&text, []string{"PROCESS", "ID", "VERSION", "ROLE", "READY", "BREAKER", "APPLYING", "AGE"}, rows)
	fmt.Fprintf(&text, "\ntarget %s: %d messages waiting, %d in hand or to be tried again; dead letters: %d\n", s.Target, s.Pending, s.AckPending, s.DeadLetters)
	if m := s.FullSync; m != nil {
		fmt.Fprintf(&text, "last full sync %s ago: %d components, %d corrections\n", ago(m.Time), m.Count, m.Published+m.Tombstoned)
	}
	if r := s.Reconcile; r != nil {
		fmt.Fprintf(&text, "last reconcile %s ago: %d entries, %d were not right, %d mended, %d deleted\n",
			ago(r.Time), r.Entries, r.Missing+r.Different+r.Unacknowledged+r.Orphans, r.Repaired, r.Deleted)
	}
	if len(s.Problems) == 0 {
		text.WriteString("all is well\n")
	}
	for _, problem := range s.Problems {
		text.WriteString("problem: " + problem + "\n")
	}
	_, writeErr := fmt.Fprint(c.App.Writer, text.String())
	return errors.Join(err, writeErr)
}

// ago is the time since then, in whole seconds.
func ago(then time.Time) string { return time.Since(then).Round(time.Second).String() }
