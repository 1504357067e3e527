package elector

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"odasync/internal/kube"
)

// leaseLock wraps the lock of client-go. It records the time of the last renewal, counted from before the request, since other
// processes may count from then. It renews less often than the election asks for, which polls at the rate of a standby. It
// logs the errors of the requests.
type leaseLock struct {
	resourcelock.Interface
	client   *kube.Client
	interval time.Duration
	log      zerolog.Logger

	mu      sync.Mutex
	renewed time.Time         // zero while another process holds the Lease
	problem string            // of the last request; empty after a success
	logged  map[string]string // problems by verb until they are over: some verbs may work while others do not
}

// Get implements resourcelock.Interface.
func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	l.note(ctx, "get", err)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.setRenewed(time.Time{})
		if longExpired(record) {
			record.HolderIdentity = ""
		}
	}
	return record, raw, err
}

// longExpired reports whether the last renewal is so long ago that no difference of clocks explains it. The election itself
// compares no clocks: it leaves a dead holder the lead for a whole lease from the time it first sees the Lease. Should the
// clocks differ by more, the claim on the cluster's name still keeps two watchers apart.
func longExpired(record *resourcelock.LeaderElectionRecord) bool {
	lease := time.Duration(record.LeaseDurationSeconds) * time.Second
	return record.HolderIdentity != "" && !record.RenewTime.IsZero() && time.Since(record.RenewTime.Time) > 2*lease
}

// Create implements resourcelock.Interface.
func (l *leaseLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, "create", record, l.Interface.Create)
}

// Update implements resourcelock.Interface.
func (l *leaseLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.age() < l.interval {
		return nil
	}
	return l.write(ctx, "update", record, l.Interface.Update)
}

func (l *leaseLock) write(ctx context.Context, verb string, record resourcelock.LeaderElectionRecord,
	request func(context.Context, resourcelock.LeaderElectionRecord) error,
) error {
	began := time.Now()
	err := request(ctx, record)
	l.note(ctx, verb, err)
	if err == nil {
		l.setRenewed(began)
	}
	return err
}

// release gives up the Lease if this process holds it, so that a standby need not wait until it expires.
func (l *leaseLock) release(within time.Duration) {
	l.mu.Lock()
	held := !l.renewed.IsZero()
	l.renewed = time.Time{}
	l.mu.Unlock()
	if !held {
		return
	}
	ctx, cancel := context.WithTimeout(kube.Quiet(context.Background()), within)
	defer cancel()
	record, _, err := l.Interface.Get(ctx)
	if err == nil {
		if record.HolderIdentity != l.Identity() {
			return
		}
		// The update names the version that was just read: if another process has taken the Lease since, it is a conflict.
		now := metav1.Now()
		err = l.Interface.Update(ctx, resourcelock.LeaderElectionRecord{
			LeaseDurationSeconds: 1, AcquireTime: now, RenewTime: now, LeaderTransitions: record.LeaderTransitions,
		})
	}
	if err != nil {
		l.log.Warn().Err(l.client.ExplainLease("update", err)).Msg("lease not released, it will expire")
		return
	}
	l.log.Info().Msg("lease released")
}

// age is the time since the last renewal by the clock that shows more: the monotonic clock stops while a virtual machine is
// suspended, the wall clock can be set.
func (l *leaseLock) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

func (l *leaseLock) setRenewed(renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = renewed
}

// note logs the problem of a verb when it begins or changes, and its end.
func (l *leaseLock) note(ctx context.Context, verb string, err error) {
	problem := ""
	switch {
	case err == nil, verb == "get" && apierrors.IsNotFound(err):
	case ctx.Err() != nil, apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return // cancelled, or another process was faster: neither is a problem of access
	default:
		problem = l.client.ExplainLease(verb, err).Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = problem
	if problem == l.logged[verb] {
		return
	}
	l.logged[verb] = problem
	if problem != "" {
		l.log.Warn().Str("verb", verb).Str("error", problem).Msg("no access to the lease, retrying")
	} else {
		l.log.Info().Str("verb", verb).Msg("access to the lease recovered")
	}
}
