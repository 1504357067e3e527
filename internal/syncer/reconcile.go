package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/outage"
	"odasync/internal/prune"
)

// OrphanPolicy says what happens to entries in the registry that are odasync's and that the stream does not want.
type OrphanPolicy string

// The policies.
const (
	OrphansDelete OrphanPolicy = "delete"
	OrphansReport OrphanPolicy = "report"
	OrphansKeep   OrphanPolicy = "keep"
)

// ReconcileConfig is how far a reconcile goes.
type ReconcileConfig struct {
	Orphans OrphanPolicy `env:"ORPHAN_POLICY, default=delete" help:"what happens to entries of odasync's in the registry that the stream does not want: delete, report (count and tell), or keep"`
}

// Validate reports every problem at once.
func (c ReconcileConfig) Validate() error {
	if !slices.Contains([]OrphanPolicy{OrphansDelete, OrphansReport, OrphansKeep}, c.Orphans) {
		return fmt.Errorf("ORPHAN_POLICY is %q: delete, report or keep", c.Orphans)
	}
	return nil
}

// Entry is what stands in the registry under one name.
type Entry struct {
	// Key is the component that the entry's own labels name, in the cluster that was asked for; zero where they do not.
	Key component.Key
	// Record is where it stands; its digest is over all that it shows. Without an id only APIs stand there.
	Record Record
	// Foreign says that another owner's labels are on it.
	Foreign bool
}

// Inventory lists a registry.
type Inventory interface {
	// Inventory calls each with every entry under the configured registry name. After an error nothing is known: what was
	// not listed need not be absent. An entry may be missing while the registry is being changed.
	Inventory(ctx context.Context, cluster string, each func(Entry)) error
	// Place is where the registry shows a component: registry and name.
	Place(key component.Key) Record
}

// Snapshot reads what a cluster's components should be.
type Snapshot interface {
	// Heads calls each with the last message of every component, without its body.
	Heads(ctx context.Context, cluster string, each func(event.Head)) error
	// LastMark reads the marker behind the last full comparison of the cluster with the stream; false where none stands in
	// the stream. Its error is event.ErrUnreadable where there is one that cannot be decoded.
	LastMark(ctx context.Context, cluster string) (event.Marker, bool, error)
}

// Progress is how far a target's consumer has come through the stream.
type Progress struct {
	// Done is the sequence up to which every message has its outcome, Delivered the newest that a replica was given.
	Done, Delivered uint64
	// Unfinished messages were given to a replica and have no outcome yet.
	Unfinished int
}

// Records are the notes that a reconcile needs and leaves.
type Records interface {
	Approved(ctx context.Context, id string) (bool, error)
	Reconciled(ctx context.Context, done Reconciliation) error
}

// Reconciliation is what one reconcile found and did. It is JSON for ctl; fields are added, never changed.
type Reconciliation struct {
	// ID is that of the snapshot marker; empty where somebody asked for it.
	ID      string    `json:"id"`
	Cluster string    `json:"cluster"`
	Target  string    `json:"target"`
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"`
	// DryRun says that nothing was changed.
	DryRun bool `json:"dryRun"`
	// Desired components should be in the registry; Entries of odasync's are there for the cluster.
	Desired int `json:"desired"`
	Entries int `json:"entries"`
	// Pending components are on their way in the stream, Failed ones have a dead letter.
	Pending int `json:"pending"`
	Failed  int `json:"failed"`
	// Missing and Different components were not as they should be, of Unsettled ones the outcome was lost; Orphans should
	// not be there.
	Missing   int `json:"missing"`
	Unsettled int `json:"unsettled"`
	Different int `json:"different"`
	Orphans   int `json:"orphans"`
	// Mended and Deleted entries were changed; Unmended ones could not be, and are tried again.
	Mended   int `json:"mended"`
	Deleted  int `json:"deleted"`
	Unmended int `json:"unmended"`
	// Refused are deletions that wait to be approved; null for none.
	Refused *prune.PendingDeletion `json:"refused"`
	// Findings are the first of what was not right.
	Findings []Finding `json:"findings"`
	// Error says why the reconcile could not be finished; empty where it was.
	Error string `json:"error"`
}

// Finding is one component that was not as it should be.
type Finding struct {
	Component string `json:"component"` // cluster/namespace/name
	Problem   string `json:"problem"`   // missing, different, unsettled or orphan
	// Outcome is mended, deleted, kept, refused, or the reason why not; empty in a dry run.
	Outcome string `json:"outcome"`
}

// findingsKept bounds the findings that are listed.
const findingsKept = 100

// Problems of findings.
const (
	problemMissing   = "missing"
	problemDifferent = "different"
	problemUnsettled = "unsettled"
	problemOrphan    = "orphan"
)

// Reconciler compares the whole registry with the stream and has differences mended.
type Reconciler struct {
	applier *Applier
	policy  OrphanPolicy
	guard   prune.Config
	ports   ReconcilePorts

	mu   sync.Mutex
	told map[string]string // by cluster, which orphans were last told of: the same ones are not worth a line each minute
}

// ReconcilePorts are what a reconciler works with beside an applier.
type ReconcilePorts struct {
	Inventory Inventory
	Snapshot  Snapshot
	States    interface {
		All(ctx context.Context, each func(State)) error
	}
	Records Records
	Claims  Claims
	// Progress asks how far the target's consumer has come.
	Progress func(context.Context) (Progress, error)
}

// NewReconciler returns a reconciler that mends through the applier.
func NewReconciler(applier *Applier, cfg ReconcileConfig, limit prune.Config, ports ReconcilePorts) *Reconciler {
	return &Reconciler{applier: applier, policy: cfg.Orphans, guard: limit, ports: ports, told: map[string]string{}}
}

// Reconcile compares and, but in a dry run, mends. Only one replica does so at a time: the others get ErrClaimed. The
// result holds what was done also where the error is not nil.
func (r *Reconciler) Reconcile(ctx context.Context, cluster, id string, dryRun bool) (Reconciliation, error) {
	done := Reconciliation{ID: id, Cluster: cluster, Target: r.applier.cfg.Target, Time: time.Now().UTC(), DryRun: dryRun, Findings: []Finding{}}
	held, release, err := r.ports.Claims.Acquire(ctx, "reconcile."+cluster)
	if err != nil {
		return done, err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }() // a lost claim only means that another goes on beside this one
	err = r.run(held, &done)
	if err != nil {
		done.Error = err.Error()
	}
	done.Seconds = time.Since(done.Time).Seconds()
	if dryRun {
		return done, err
	}
	r.applier.metrics.reconciled(done)
	if noteErr := r.ports.Records.Reconciled(ctx, done); err == nil {
		err = noteErr
	}
	return done, err
}

// run compares what is desired with what is there.
func (r *Reconciler) run(ctx context.Context, done *Reconciliation) error {
	c, err := r.compare(ctx, done)
	if err != nil {
		return err
	}
	findings := slices.Concat(c.damaged, c.displaced, c.orphans)
	if done.DryRun {
		for _, f := range findings {
			done.note(f, "")
		}
		done.Refused, err = r.refusal(ctx, done, c.orphans)
		return err
	}
	if err := r.mend(ctx, done, c.damaged); err != nil {
		return err
	}
	if err := r.removeOrphans(ctx, done, c); err != nil {
		return err
	}
	return r.mend(ctx, done, c.displaced)
}

// found is a component that is not as it should be.
type found struct {
	key     component.Key
	problem string
	record  Record // of the entry, where there is one
	absent  bool   // the inventory shows nothing under the component's name
}

func (d *Reconciliation) note(f found, outcome string) {
	if len(d.Findings) < findingsKept {
		d.Findings = append(d.Findings, Finding{Component: f.key.String(), Problem: f.problem, Outcome: outcome})
	}
}

// mend has every component compared and written that is not as it should be.
func (r *Reconciler) mend(ctx context.Context, done *Reconciliation, damaged []found) error {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(r.applier.cfg.Concurrency)
	for _, f := range damaged {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			result, err := r.applier.mendFound(ctx, f)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				done.Unmended++
				done.note(f, err.Error())
			case result.Deleted && result.Writes > 0:
				done.Deleted++
				done.note(f, "deleted")
			case result.Writes > 0:
				done.Mended++
				done.note(f, "mended")
			}
			return nil
		})
	}
	_ = group.Wait() // what could not be mended is counted
	return ctx.Err()
}

// Run reconciles at each marker until the context ends or the markers are gone.
func (r *Reconciler) Run(ctx context.Context, markers Markers) error {
	failing := outage.New(r.applier.log, "reconcile not finished, trying again", "reconciles end well again", nil)
	for {
		m, err := markers.Next(ctx)
		if err != nil {
			return err
		}
		if err := r.applier.breaker.await(ctx, nil); err != nil {
			m.Retry(0)
			return err
		}
		done, err := r.Reconcile(ctx, m.Cluster, m.ID, false)
		switch {
		case errors.Is(err, ErrClaimed): // one is under way and may have begun before this marker
			m.Retry(claimRetry)
		case err != nil && ctx.Err() != nil: // a stop is no failure
			m.Retry(0)
			return ctx.Err()
		case err != nil:
			failing.Note(err)
			m.Retry(reconcileRetry)
		default:
			failing.Note(nil)
			m.Ack()
			r.tell(done)
		}
	}
}

// Waits before a marker is taken up again.
const (
	claimRetry     = time.Second
	reconcileRetry = 10 * time.Second
)

// tell logs what was found; a registry that is right is worth no line.
func (r *Reconciler) tell(done Reconciliation) {
	log := r.applier.log.Debug()
	if done.Mended+done.Deleted+done.Unmended > 0 {
		log = r.applier.log.Info()
	}
	log.Str("cluster", done.Cluster).Int("desired", done.Desired).Int("missing", done.Missing).Int("different", done.Different).
		Int("orphans", done.Orphans).Int("mended", done.Mended).Int("deleted", done.Deleted).Int("unmended", done.Unmended).
		Float64("seconds", done.Seconds).Msg("reconciled the registry with the stream")
}
