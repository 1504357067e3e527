package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

// grace is how long an interrupted replay may finish what it is applying.
const grace = 5 * time.Second

// tick is how often a running replay reports its progress and checks that it advances.
const tick = 200 * time.Millisecond

// Config are the tunables of a run.
type Config struct {
	Syncer syncer.Config // its Concurrency is the number of components applied at a time
	// Patience is how long nothing may be applied before the run ends with an error.
	Patience time.Duration
	// Progress is called while the run lasts.
	Progress func(done, total int)
}

// Result is what a run has done, as `ctl replay` prints it. The shape is stable; see docs/api.md.
type Result struct {
	Plan Plan `json:"plan"`
	// Complete means that every state had an outcome.
	Complete bool `json:"complete"`
	// Applied states are in the registry now: Changed of them were written, Unchanged were there before.
	Applied   int `json:"applied"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	// Failed states are those that the registry rejects.
	Failed int `json:"failed"`
	// Writes counts the requests that changed something.
	Writes   int       `json:"writes"`
	Seconds  float64   `json:"seconds"`
	Rate     float64   `json:"rate"` // states a second
	Failures []Failure `json:"failures"`
}

// Failure is a state that the registry rejects, and why.
type Failure struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Sequence  uint64 `json:"sequence"`
	Error     string `json:"error"`
}

// run is a replay under way.
type run struct {
	*Replay
	cfg     Config
	plan    *Plan
	journal *Journal
	applier *syncer.Applier
	steps   *steps // nil where only the newest states are applied
	began   time.Time

	mu       sync.Mutex
	result   Result
	advanced time.Time // when the last state had an outcome
	reading  error     // why the stream cannot be read now
	fatal    error     // ends the run
}

// Run applies the plan, whose journal has begun, and returns what was done. The error is why it stopped early; the end of the context lets it finish
// what it is applying.
func (r *Replay) Run(ctx context.Context, plan *Plan, journal *Journal, cfg Config) (Result, error) {
	now, dependencies := time.Now(), r.Destination.Dependencies
	n := &run{Replay: r, cfg: cfg, plan: plan, journal: journal, began: now, advanced: now}
	if r.Choice.EveryEvent {
		n.steps = newSteps()
		dependencies = syncer.InMemory(n.steps, dependencies.Registry, dependencies.Probe)
	}
	n.applier = syncer.NewApplier(dependencies, cfg.Syncer, 0, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	n.result = Result{Plan: *plan, Failures: []Failure{}}
	return n.work(ctx)
}

func (r *run) work(ctx context.Context) (Result, error) {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var background errgroup.Group
	background.Go(func() error { return r.applier.Run(work) })
	background.Go(func() error { r.supervise(ctx, work, stop); return nil })

	heads := make(chan head)
	var workers errgroup.Group
	for range r.cfg.Syncer.Concurrency {
		workers.Go(func() error {
			for h := range heads {
				r.apply(ctx, work, h)
			}
			return nil
		})
	}
	complete := r.distribute(ctx, work, heads)
	close(heads)
	_ = workers.Wait() // they give no error
	stopped := context.Cause(work)
	stop(nil)
	_ = background.Wait() // they give no error
	switch {
	case r.fatal != nil:
		stopped = r.fatal
	case stopped == nil && ctx.Err() != nil && (!complete || r.handled() < r.total()):
		stopped = errInterrupted
	}
	return r.conclude(stopped == nil), stopped
}

var errInterrupted = errors.New("interrupted")

// distribute gives the components to the workers, oldest change first; false when the run ended before all were given.
func (r *run) distribute(ctx, work context.Context, heads chan<- head) bool {
	for _, h := range r.plan.remaining {
		select {
		case heads <- h:
		case <-ctx.Done():
			return false
		case <-work.Done():
			return false
		}
	}
	return true
}

// supervise reports progress, and ends a run that does not advance, or the grace period after its interruption.
func (r *run) supervise(ctx, work context.Context, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	interrupted := ctx.Done()
	var over <-chan time.Time
	for {
		select {
		case <-work.Done():
			return
		case <-interrupted:
			if interrupted = nil; r.trouble() != nil { // what is being applied would not end
				stop(errInterrupted)
			}
			over = time.After(grace)
		case <-over:
			stop(errInterrupted)
		case <-ticker.C:
			r.cfg.Progress(r.handled(), r.total())
			r.mu.Lock()
			stuck, fatal := time.Since(r.advanced) > r.cfg.Patience, r.fatal
			r.mu.Unlock()
			if fatal != nil {
				stop(fatal)
			} else if trouble := r.trouble(); stuck && trouble != nil {
				stop(fmt.Errorf("nothing could be applied to %s for %s: %w", r.Destination.Address, r.cfg.Patience, trouble))
			}
		}
	}
}

// trouble is why states cannot be applied now; nil where nothing is known to be wrong.
func (r *run) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.reading, r.applier.Check())
}

// total is the number of states that this run applies, which grows when components change meanwhile.
func (r *run) total() int {
	return max(r.plan.Events-r.plan.Done, r.handled())
}

func (r *run) handled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result.Applied + r.result.Failed
}

// apply applies the component's newest state, or its recorded states one after the other.
func (r *run) apply(ctx, work context.Context, h head) {
	if r.steps == nil {
		repair, err := r.applier.ReconcileUntilDone(work, h.Key)
		r.note(work, h.Key, h.Sequence, repair, err)
		return
	}
	defer r.steps.drop(h.Key)
	for after := h.done.sequence; ctx.Err() == nil; {
		e, malformed, found := r.after(work, h.Key, after)
		if !found {
			return // the last one is the newest by now
		}
		r.steps.set(e, malformed)
		repair, err := r.applier.ReconcileUntilDone(work, h.Key)
		r.note(work, h.Key, e.Sequence, repair, err)
		if work.Err() != nil {
			return
		}
		after = e.Sequence
	}
}

// after reads the next recorded state, and waits while the stream cannot be read. found is false behind the newest, and at
// the end of the context.
func (r *run) after(work context.Context, key component.Key, sequence uint64) (e event.Event, malformed error, found bool) {
	for {
		e, found, err := r.Source.After(work, key, sequence)
		passing := err != nil && !errors.Is(err, event.ErrMalformed)
		r.mu.Lock()
		r.reading = nil
		if passing {
			r.reading = err
		}
		r.mu.Unlock()
		if !passing {
			return e, err, found
		}
		select {
		case <-work.Done():
			return event.Event{}, nil, false
		case <-time.After(time.Second):
		}
	}
}

// note counts an outcome and records it in the journal.
func (r *run) note(work context.Context, key component.Key, sequence uint64, repair target.Repair, err error) {
	if err != nil && work.Err() != nil {
		return // cut off: not known
	}
	var written error
	if err == nil {
		written = r.journal.record(key, sequence)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advanced = time.Now()
	r.result.Writes += repair.Writes
	switch {
	case err != nil:
		r.result.Failed++
		r.result.Failures = append(r.result.Failures, Failure{Namespace: key.Namespace, Name: key.Name, Sequence: sequence, Error: err.Error()})
	case repair.Writes > 0:
		r.result.Applied++
		r.result.Changed++
	default:
		r.result.Applied++
		r.result.Unchanged++
	}
	if r.fatal == nil {
		r.fatal = written
	}
}

// conclude returns what was done.
func (r *run) conclude(complete bool) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Complete = complete
	result.Seconds = time.Since(r.began).Seconds()
	if result.Seconds > 0 {
		result.Rate = float64(result.Applied+result.Failed) / result.Seconds
	}
	slices.SortFunc(result.Failures, func(a, b Failure) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return result
}
