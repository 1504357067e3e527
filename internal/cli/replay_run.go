package cli

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
)

// replayGrace is how long an interrupted replay may finish what it is applying.
const replayGrace = 5 * time.Second

// replayTick is how often a replay shows how far it is and looks whether it gets on.
const replayTick = 200 * time.Millisecond

// replayer brings the plan's states into the registry.
type replayer struct {
	target   *replayTarget
	plan     replayPlan
	journal  *replayJournal
	applier  *syncer.Applier
	workers  int
	patience time.Duration
	began    time.Time

	mu      sync.Mutex
	result  Replay
	moved   time.Time // when the last state had an outcome
	reading error     // why the stream cannot be read now
	fatal   error     // ends the replay
}

func newReplayer(target *replayTarget, plan replayPlan, journal *replayJournal, workers int, patience time.Duration) *replayer {
	cfg := target.syncer
	cfg.Concurrency = workers
	return &replayer{
		target: target, plan: plan, journal: journal, workers: workers, patience: patience,
		applier: syncer.NewApplier(target.ports, cfg, 0, syncer.NewMetrics(prometheus.NewRegistry()), zerolog.Nop()),
		result:  Replay{Plan: plan.ReplayPlan, Failures: []ReplayFailure{}},
	}
}

// run applies until all is done, and returns what was. The error says why it stopped before.
func (r *replayer) run(ctx context.Context, shown *progress) (Replay, error) {
	r.began = time.Now()
	r.moved = r.began
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var background errgroup.Group
	background.Go(func() error { return r.applier.Run(work) })
	background.Go(func() error { r.supervise(ctx, work, stop, shown); return nil })

	heads := make(chan replayedHead)
	var workers errgroup.Group
	for range r.workers {
		workers.Go(func() error {
			for head := range heads {
				r.bring(ctx, work, head)
			}
			return nil
		})
	}
	complete := r.hand(ctx, work, heads)
	close(heads)
	_ = workers.Wait() // they give no error
	stopped := context.Cause(work)
	stop(nil)
	_ = background.Wait() // they give no error
	shown.end()
	switch {
	case r.fatal != nil:
		stopped = r.fatal
	case stopped == nil && ctx.Err() != nil && (!complete || r.handled() < r.total()):
		stopped = errInterrupted
	}
	return r.conclude(stopped == nil), stopped
}

var errInterrupted = errors.New("interrupted")

// hand gives the components to the workers, oldest change first; false when the replay ended before all were given.
func (r *replayer) hand(ctx, work context.Context, heads chan<- replayedHead) bool {
	for _, head := range r.plan.open {
		select {
		case heads <- head:
		case <-ctx.Done():
			return false
		case <-work.Done():
			return false
		}
	}
	return true
}

// supervise shows how far the replay is, and ends it when it does not get on, or a while after it was interrupted.
func (r *replayer) supervise(ctx, work context.Context, stop context.CancelCauseFunc, shown *progress) {
	ticker := time.NewTicker(replayTick)
	defer ticker.Stop()
	interrupted := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-work.Done():
			return
		case <-interrupted:
			if interrupted = nil; r.trouble() != nil { // what is in hand would not end
				stop(errInterrupted)
			}
			grace = time.After(replayGrace)
		case <-grace:
			stop(errInterrupted)
		case <-ticker.C:
			shown.showPace(r.handled(), r.total(), time.Since(r.began))
			r.mu.Lock()
			stuck, fatal := time.Since(r.moved) > r.patience, r.fatal
			r.mu.Unlock()
			if fatal != nil {
				stop(fatal)
			} else if trouble := r.trouble(); stuck && trouble != nil {
				stop(fmt.Errorf("nothing could be applied to %s for %s: %w", r.target.address, r.patience, trouble))
			}
		}
	}
}

// trouble is why states cannot be applied now; nil where nothing is known to be wrong.
func (r *replayer) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.reading, r.applier.Check())
}

// total is how many states this run is to apply; more, when components change meanwhile.
func (r *replayer) total() int {
	return max(r.plan.Events-r.plan.Done, r.handled())
}

func (r *replayer) handled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result.Applied + r.result.Failed
}

// bring applies the component's newest state, or one recorded state after the other.
func (r *replayer) bring(ctx, work context.Context, head replayedHead) {
	if r.target.steps == nil {
		mended, err := r.applier.ReconcileUntilDone(work, head.Key)
		r.note(work, head.Key, head.Sequence, mended, err)
		return
	}
	defer r.target.steps.drop(head.Key)
	for after := head.done.sequence; ctx.Err() == nil; {
		e, unreadable, found := r.after(work, head.Key, after)
		if !found {
			return // the last one is the newest by now
		}
		r.target.steps.set(e, unreadable)
		mended, err := r.applier.ReconcileUntilDone(work, head.Key)
		r.note(work, head.Key, e.Sequence, mended, err)
		if work.Err() != nil {
			return
		}
		after = e.Sequence
	}
}

// after reads the next recorded state; a stream that cannot be read is waited for. found is false after the newest, and
// at the end of the context.
func (r *replayer) after(work context.Context, key component.Key, sequence uint64) (e event.Event, unreadable error, found bool) {
	for {
		e, found, err := r.target.log.After(work, key, sequence)
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

// note counts an outcome and writes it down.
func (r *replayer) note(work context.Context, key component.Key, sequence uint64, mended syncer.Repair, err error) {
	if err != nil && work.Err() != nil {
		return // cut off: not known
	}
	var written error
	if err == nil {
		written = r.journal.applied(key, sequence)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = time.Now()
	r.result.Writes += mended.Writes
	switch {
	case err != nil:
		r.result.Failed++
		r.result.Failures = append(r.result.Failures, ReplayFailure{Namespace: key.Namespace, Name: key.Name, Sequence: sequence, Error: err.Error()})
	case mended.Writes > 0:
		r.result.Applied++
		r.result.Changed++
	default:
		r.result.Applied++
		r.result.Unchanged++
	}
	if written != nil && r.fatal == nil {
		r.fatal = written
	}
}

// conclude returns what was done.
func (r *replayer) conclude(complete bool) Replay {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Complete = complete
	result.Seconds = time.Since(r.began).Seconds()
	if result.Seconds > 0 {
		result.Rate = float64(result.Applied+result.Failed) / result.Seconds
	}
	slices.SortFunc(result.Failures, func(a, b ReplayFailure) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return result
}
