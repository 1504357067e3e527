package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// pollInterval is how often a standby looks at the Lease: often enough to take over a released one within a second.
const pollInterval = 400 * time.Millisecond

var (
	errLeaseOld  = errors.New("the Lease was not renewed in time")
	errLeaseLost = errors.New("the Lease is lost")
	errLeadEnded = errors.New("the work of the leader ended by itself")
)

// Elector holds the Lease of which one process at a time has the lead.
type Elector struct {
	cfg     Config
	log     zerolog.Logger
	lock    *leaseLock
	leading atomic.Bool
	told    atomic.Pointer[time.Time] // when lead was told to stop; nil before
}

// NewElector returns an elector with an identity of its own, so that no two are ever taken for one another.
func NewElector(cfg Config, client *Client, log zerolog.Logger) *Elector {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	identity := host + "_" + string(uuid.NewUUID())
	log = log.With().Str("lease", client.leaseNamespace+"/"+cfg.LeaseName).Str("identity", identity).Logger()
	return &Elector{cfg: cfg, log: log, lock: &leaseLock{
		Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: client.leaseNamespace, Name: cfg.LeaseName},
			Client:     currentLeases{client},
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity}, // no recorder: events need a permission
		},
		client:   client,
		interval: cfg.renewInterval(),
		log:      log,
		logged:   map[string]string{},
	}}
}

// Run calls lead each time it has won the Lease, with a context that ends when the lead does, until its own context
// ends; it then returns nil. The Lease is released only once lead has returned. Where lead returns by itself, the
// Lease is released so that another process may try, and Run campaigns again.
func (e *Elector) Run(ctx context.Context, lead func(ctx context.Context) error) error {
	start := wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.25, Steps: 10, Cap: 24 * time.Second}
	backoff := start
	for {
		began := time.Now()
		err := e.campaign(ctx, lead)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			backoff = start
		}
		e.log.Warn().Err(err).Msg("not leading, campaigning again")
		sleep(ctx, backoff.Step())
	}
}

// campaign waits for the Lease, leads at most once, and returns without the Lease.
func (e *Elector) campaign(ctx context.Context, lead func(ctx context.Context) error) error {
	won := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:          e.lock,
		LeaseDuration: time.Duration(e.cfg.LeaseDuration),
		RenewDeadline: e.cfg.renewDeadline(),
		RetryPeriod:   min(pollInterval, e.cfg.renewInterval()),
		// The elector's own release does not wait for the work to end, and takes the Lease from a successor.
		ReleaseOnCancel: false,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(won) },
			OnStoppedLeading: func() {},
			OnNewLeader: func(leader string) {
				if leader != "" && leader != e.lock.Identity() {
					e.log.Info().Str("leader", leader).Msg("standing by")
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("set up the election: %w", err)
	}
	// The election outlives the context until lead has returned. What goes wrong in it is logged by the lock.
	electing, stop := context.WithCancel(quiet(context.WithoutCancel(ctx)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	defer func() {
		stop()
		<-ended
		e.lock.release(e.cfg.renewDeadline())
	}()
	select {
	case <-won:
		return e.hold(ctx, ended, lead)
	case <-ended:
		return errLeaseLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold runs lead until it returns, and ends its context as soon as the Lease cannot be relied on.
func (e *Elector) hold(ctx context.Context, lost <-chan struct{}, lead func(ctx context.Context) error) error {
	leading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		e.guard(leading, cancel, lost)
	}()
	e.told.Store(nil)
	unwatch := context.AfterFunc(leading, func() { e.told.Store(new(time.Now())) })
	e.leading.Store(true)
	e.log.Info().Msg("leading")
	err := lead(leading)
	reason := context.Cause(leading)
	unwatch()
	e.leading.Store(false)
	cancel(nil)
	<-guarded
	switch {
	case reason != nil: // and lead's own error is but a consequence
		return reason
	case err != nil:
		return fmt.Errorf("%w: %w", errLeadEnded, err)
	}
	return errLeadEnded
}

// guard cancels the lead when the Lease is lost, and also when its renewals hang.
func (e *Elector) guard(leading context.Context, cancel context.CancelCauseFunc, lost <-chan struct{}) {
	for {
		left := e.cfg.renewDeadline() - e.lock.age()
		if left <= 0 {
			cancel(errLeaseOld)
			return
		}
		timer := time.NewTimer(min(left, time.Second)) // the age may jump with the wall clock
		select {
		case <-timer.C:
		case <-lost:
			cancel(errLeaseLost)
		case <-leading.Done():
		}
		timer.Stop()
		if leading.Err() != nil {
			return
		}
	}
}

// IsLeader says whether lead is running. It may still be stopping after the Lease was lost: ask Fresh before writing.
func (e *Elector) IsLeader() bool { return e.leading.Load() }

// Fresh says whether lead is running and the Lease was renewed lately by the own clock. A process that was stopped
// for a while and wakes up learns it from here before anything else can tell it.
func (e *Elector) Fresh() bool {
	return e.leading.Load() && e.lock.age() < e.cfg.renewDeadline()
}
