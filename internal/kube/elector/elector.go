package elector

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

	"odasync/internal/kube"
)

// pollInterval is how often a standby reads the Lease: often enough to take over a released one within a second.
const pollInterval = 400 * time.Millisecond

var (
	errLeaseExpired = errors.New("the Lease was not renewed in time")
	errLeaseLost    = errors.New("the Lease is lost")
	errLeadEnded    = errors.New("the work of the leader ended by itself")
)

// Elector takes part in the election of a leader.
type Elector struct {
	cfg     kube.Config
	log     zerolog.Logger
	lock    *leaseLock
	leading atomic.Bool
	stopped atomic.Pointer[time.Time] // when the context of lead ended; nil before
}

// New returns an elector with a unique identity.
func New(cfg kube.Config, client *kube.Client, log zerolog.Logger) *Elector {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	identity := host + "_" + string(uuid.NewUUID())
	log = log.With().Str("lease", client.LeaseNamespace()+"/"+cfg.LeaseName).Str("identity", identity).Logger()
	return &Elector{cfg: cfg, log: log, lock: &leaseLock{
		Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: client.LeaseNamespace(), Name: cfg.LeaseName},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity}, // no recorder: events need a permission
		},
		client:   client,
		interval: cfg.RenewInterval(),
		log:      log,
		logged:   map[string]string{},
	}}
}

// Run calls lead each time this process has won the Lease, with a context that ends when the lead does. It returns nil once
// its own context has ended. The Lease is released only after lead has returned. Where lead returns by itself, the Lease is
// released, so that another process can try, and Run campaigns again.
func (e *Elector) Run(ctx context.Context, lead func(ctx context.Context) error) error {
	initial := wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.25, Steps: 10, Cap: 24 * time.Second}
	backoff := initial
	for {
		began := time.Now()
		err := e.campaign(ctx, lead)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			backoff = initial
		}
		e.log.Warn().Err(err).Msg("not leading, campaigning again")
		select {
		case <-time.After(backoff.Step()):
		case <-ctx.Done():
		}
	}
}

// campaign waits for the Lease, leads at most once, and returns without the Lease.
func (e *Elector) campaign(ctx context.Context, lead func(ctx context.Context) error) error {
	won := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:          e.lock,
		LeaseDuration: time.Duration(e.cfg.LeaseDuration),
		RenewDeadline: e.cfg.RenewDeadline(),
		RetryPeriod:   min(pollInterval, e.cfg.RenewInterval()),
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
	// The election outlives the context until lead has returned. The lock logs its errors.
	electing, stop := context.WithCancel(kube.Quiet(context.WithoutCancel(ctx)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	defer func() {
		stop()
		<-ended
		e.lock.release(e.cfg.RenewDeadline())
	}()
	select {
	case <-won:
		return e.lead(ctx, ended, lead)
	case <-ended:
		return errLeaseLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lead runs the function until it returns, and ends its context once the Lease is lost or expired.
func (e *Elector) lead(ctx context.Context, lost <-chan struct{}, run func(ctx context.Context) error) error {
	leading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	monitored := make(chan struct{})
	go func() {
		defer close(monitored)
		e.monitor(leading, cancel, lost)
	}()
	e.stopped.Store(nil)
	unwatch := context.AfterFunc(leading, func() { e.stopped.Store(new(time.Now())) })
	e.leading.Store(true)
	e.log.Info().Msg("leading")
	err := run(leading)
	reason := context.Cause(leading)
	unwatch()
	e.leading.Store(false)
	cancel(nil)
	<-monitored
	switch {
	case reason != nil: // the function's own error is a consequence of it
		return reason
	case err != nil:
		return fmt.Errorf("%w: %w", errLeadEnded, err)
	}
	return errLeadEnded
}

// monitor cancels the lead when the Lease is lost, or its renewals hang.
func (e *Elector) monitor(leading context.Context, cancel context.CancelCauseFunc, lost <-chan struct{}) {
	for {
		left := e.cfg.RenewDeadline() - e.lock.age()
		if left <= 0 {
			cancel(errLeaseExpired)
			return
		}
		timer := time.NewTimer(min(left, time.Second)) // the age can jump with the wall clock
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

// IsLeader reports whether lead is running. After the Lease was lost, lead may still be stopping: check Fresh before a write.
func (e *Elector) IsLeader() bool { return e.leading.Load() }

// Fresh reports whether lead is running and the Lease was renewed within the renew deadline, by this process's own clock. A
// process that was suspended learns from Fresh, before any other way, that its lead may be over.
func (e *Elector) Fresh() bool {
	return e.leading.Load() && e.lock.age() < e.cfg.RenewDeadline()
}

// Identity is this process's name in the Lease.
func (e *Elector) Identity() string { return e.lock.Identity() }

// State returns nil while the Lease can be used, by this process or by the leader, else the problem.
func (e *Elector) State() error {
	e.lock.mu.Lock()
	defer e.lock.mu.Unlock()
	if e.lock.problem != "" {
		return errors.New("the Lease: " + e.lock.problem)
	}
	return nil
}

// Stuck is the time since the context of lead ended, while lead has not returned; 0 otherwise.
func (e *Elector) Stuck() time.Duration {
	stopped := e.stopped.Load()
	if stopped == nil || !e.leading.Load() {
		return 0
	}
	return time.Since(*stopped)
}
