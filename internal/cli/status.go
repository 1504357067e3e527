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

	"odasync/internal/cli/render"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/store"
	"odasync/internal/target"
)

// Status is what `ctl status` prints. The shape is stable; see docs/api.md.
type Status struct {
	Cluster string `json:"cluster"`
	Target  string `json:"target"`
	// Watchers and Syncers are all that responded, of every cluster and target.
	Watchers []control.WatcherStatus `json:"watchers"`
	Syncers  []control.SyncerStatus  `json:"syncers"`
	// Pending messages are not delivered to a syncer of the target yet; AckPending ones are delivered and not acknowledged.
	Pending    uint64 `json:"pending"`
	AckPending int    `json:"ackPending"`
	// Components counts those of the cluster by their state in the target, the states of InRegistry except for deleted.
	Components map[string]int `json:"components"`
	// DeadLetters counts the target's, of all clusters.
	DeadLetters int `json:"deadLetters"`
	// FullSync is the last full sync of the cluster, Reconcile the last reconcile of the target; null where there was none.
	FullSync  *event.Snapshot        `json:"fullSync"`
	Reconcile *target.Reconciliation `json:"reconcile"`
	// Problems describe what needs attention.
	Problems []string `json:"problems"`
}

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show the state of every process, and list problems",
		Description: "Requests the status of every watcher and syncer and shows it with the target's backlog, the dead letters, and the last\n" +
			"full sync and reconcile.\n\n" +
			"Exit code 1: there is a problem.\n\n" +
			"Examples:\n" +
			"  ctl status\n" +
			"  ctl status --watch\n" +
			"  ctl status -o jsonpath='{.problems}'",
		Flags: []cli.Flag{outputFlag("table", "json", "yaml"), watchFlag(), targetFlag(), timeoutFlag(15 * time.Second)},
		Action: func(c *cli.Context) error {
			return whileWatched(c, false, func() error { return showStatus(c) })
		},
	}
}

func showStatus(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
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
}

func (s *session) status(ctx context.Context) (Status, error) {
	status := Status{Cluster: s.cluster, Target: s.target, Problems: []string{}}
	requests, requested := errgroup.WithContext(ctx)
	requests.Go(func() (err error) { status.Watchers, err = s.control().Watchers(requested); return err })
	requests.Go(func() (err error) { status.Syncers, err = s.control().Syncers(requested); return err })
	requests.Go(func() (err error) { status.Components, err = s.counts(requested); return err })
	if err := requests.Wait(); err != nil {
		return status, err
	}
	slices.SortFunc(status.Watchers, func(a, b control.WatcherStatus) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(status.Syncers, func(a, b control.SyncerStatus) int { return cmp.Compare(a.ID, b.ID) })
	backlog, err := s.log.Backlog(ctx, s.target)
	if err != nil {
		return status, err
	}
	status.Pending, status.AckPending = backlog.Pending, backlog.AckPending
	deadLetters, err := store.OpenDeadLetters(ctx, s.conn, s.target)
	if err == nil {
		err = deadLetters.All(ctx, func(store.DeadLetter, error) { status.DeadLetters++ })
	}
	if err != nil {
		return status, err
	}
	if err := s.lastComparisons(ctx, &status); err != nil {
		return status, err
	}
	status.Problems = status.problems()
	if status.FullSync != nil {
		return status, nil
	}
	clusters, err := s.log.Clusters(ctx)
	if others := slices.DeleteFunc(clusters, func(one string) bool { return one == s.cluster }); len(others) > 0 {
		status.Problems = append(status.Problems, fmt.Sprintf("cluster %q has had no full sync; CLUSTER_NAME selects one of these: %s", s.cluster, shortList(others)))
	}
	return status, err
}

// lastComparisons reads the results of the last full sync and the last reconcile.
func (s *session) lastComparisons(ctx context.Context, status *Status) error {
	snapshot, found, err := s.log.LastSnapshot(ctx, s.cluster)
	if err != nil && !errors.Is(err, event.ErrMalformed) {
		return err
	}
	if found && err == nil {
		status.FullSync = &snapshot
	}
	status.Reconcile, err = s.lastReconcile(ctx)
	return err
}

// problems describes what needs attention.
func (s *Status) problems() []string {
	problems := []string{}
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	leaders, syncers, unreadable := 0, 0, false
	for _, w := range s.Watchers {
		if w.Cluster == s.Cluster && w.Leader {
			leaders++
		}
		for _, problem := range w.Problems {
			add("watcher %s: %s", w.ID, problem)
		}
		for _, file := range w.Unreadable {
			unreadable = unreadable || w.Cluster == s.Cluster
			add("manifest %s cannot be read: %s; nothing that it may contain is deleted", file.Path, file.Problem)
		}
		if w.PendingDeletion != nil {
			add("deletion pending approval: %v", w.PendingDeletion)
		}
	}
	for _, y := range s.Syncers {
		if y.Target == s.Target {
			syncers++
		}
		for _, problem := range y.Problems {
			add("syncer %s: %s", y.ID, problem)
		}
	}
	if leaders == 0 {
		add(noWatcher, s.Cluster)
	}
	if leaders > 1 {
		add("%d watchers lead cluster %q: run `ctl status` again in a moment", leaders, s.Cluster)
	}
	if syncers == 0 {
		add(noSyncer, s.Target)
	}
	if f := s.FullSync; f != nil && len(f.Unlisted) > 0 && !unreadable {
		add("the last full sync could not list %s: nothing is deleted there; see the watcher's log", strings.Join(f.Unlisted, ", "))
	}
	if r := s.Reconcile; r != nil {
		if r.PendingDeletion != nil {
			add("deletion pending approval: %v", r.PendingDeletion)
		}
		if r.Error != "" {
			add("the last reconcile failed: %s", r.Error)
		}
		if r.Overwritten > 0 {
			add("the last reconcile found %d entries that were written over: %s", r.Overwritten, target.SecondWriter)
		}
	}
	for _, trouble := range troubles {
		if count := s.Components[trouble.state]; count > 0 {
			add("%d %s %s", count, render.Plural(count, "component"), trouble.problem)
		}
	}
	if s.DeadLetters > 0 {
		add("dead letters: %d, `ctl dlq list` shows them", s.DeadLetters)
	}
	return problems
}

// troubles are the states that need attention. What waits for an approval is a problem of its own.
var troubles = []struct{ state, problem string }{
	{stateFailed, "failed: the registry lacks this state; `ctl list --state failed` shows why"},
	{stateDismissed, "dismissed: the registry lacks this state; `ctl list --state dismissed` shows why, `ctl sync NAME` tries again"},
	{stateMalformed, "cannot be read: the registry keeps the last readable state; `ctl list --state malformed` shows why"},
	{stateTooLarge, "too large for the stream: the registry keeps the last state that fit; `ctl list --state too_large` shows them"},
}

func printStatus(c *cli.Context, s Status) error {
	if done, err := printAs(c.App.Writer, c.String("output"), s); done {
		return err
	}
	rows := [][]string{}
	row := func(process string, status control.ProcessStatus, role, breaker, applying string) {
		ready := "no"
		if status.Ready {
			ready = "yes"
		}
		rows = append(rows, []string{process, status.ID, status.Version, role, ready, dash(breaker), applying, ago(status.Started)})
	}
	for _, w := range s.Watchers {
		role := "standby of " + w.Cluster
		if w.Leader {
			role = "leader of " + w.Cluster
		}
		row("watcher", w.ProcessStatus, role, "", "-")
	}
	for _, y := range s.Syncers {
		row("syncer", y.ProcessStatus, "feeds "+y.Target, y.Breaker, fmt.Sprintf("%d of %d", y.InFlight, y.Limit))
	}
	p := newPrinter(c)
	p.table([]string{"PROCESS", "ID", "VERSION", "ROLE", "READY", "BREAKER", "APPLYING", "AGE"}, rows)
	p.line("")
	p.line("cluster %s: %s", s.Cluster, s.counted())
	p.line("target %s: %d messages pending, %d ack pending; dead letters: %d", s.Target, s.Pending, s.AckPending, s.DeadLetters)
	if f := s.FullSync; f != nil {
		p.line("last full sync %s ago: %d components, %d corrected", ago(f.Time), f.Count, f.Published+f.Tombstoned)
	}
	if r := s.Reconcile; r != nil {
		p.line("last reconcile %s ago: %d entries, %d differed, %d repaired, %d deleted",
			ago(r.Time), r.Entries, r.Missing+r.Different+r.Unacknowledged+r.Orphans, r.Repaired, r.Deleted)
	}
	if len(s.Problems) == 0 {
		p.line("no problems found")
	}
	for _, problem := range s.Problems {
		p.line("problem: %s", problem)
	}
	return p.err
}

// counted is the number of components in each state that has any.
func (s *Status) counted() string {
	var parts []string
	for _, state := range explain.States() {
		if count := s.Components[state]; count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, strings.ReplaceAll(state, "_", " ")))
		}
	}
	if parts == nil {
		return "no components"
	}
	return "components: " + strings.Join(parts, ", ")
}

// ago is the time since then in whole seconds.
func ago(then time.Time) string { return time.Since(then).Round(time.Second).String() }
