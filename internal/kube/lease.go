package kube

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseLock stands between the election and the Lease. It notes when the Lease was last renewed, counted from
// before the request, since from then on others may count; it renews less often than the election asks to, which
// looks at the Lease at the pace of a standby; and it says what goes wrong.
type leaseLock struct {
	resourcelock.Interface
	client   *Client
	interval time.Duration
	log      zerolog.Logger

	mu      sync.Mutex
	renewed time.Time         // zero while the Lease is not ours
	trouble string            // of the last request; empty if it went well
	logged  map[string]string // trouble by verb, until it is over: some verbs may work while others do not
}

func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	l.note(ctx, "get", err)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.stamp(time.Time{})
		if ranOut(record) {
			record.HolderIdentity = ""
		}
	}
	return record, raw, err
}

// ranOut says whether a Lease was last renewed so long ago that no difference of clocks explains it. The election itself
// compares no clocks, and lets a holder that died long ago keep the lead for a whole lease from when it is first seen.
// Should the clocks differ by more, the claim on the cluster's name still keeps two watchers apart.
func ranOut(record *resourcelock.LeaderElectionRecord) bool {
	lease := time.Duration(record.LeaseDurationSeconds) * time.Second
	return record.HolderIdentity != "" && !record.RenewTime.IsZero() && time.Since(record.RenewTime.Time) > 2*lease
}

func (l *leaseLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	began := time.Now()
	err := l.Interface.Create(ctx, record)
	l.note(ctx, "create", err)
	if err == nil {
		l.stamp(began)
	}
	return err
}

func (l *leaseLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.age() < l.interval {
		return nil
	}
	began := time.Now()
	err := l.Interface.Update(ctx, record)
	l.note(ctx, "update", err)
	if err == nil {
		l.stamp(began)
	}
	return err
}

// release gives up the Lease if it is ours, so that a standby need not wait until it runs out.
func (l *leaseLock) release(within time.Duration) {
	l.mu.Lock()
	held := !l.renewed.IsZero()
	l.renewed = time.Time{}
	l.mu.Unlock()
	if !held {
		return
	}
	ctx, cancel := context.WithTimeout(quiet(context.Background()), within)
	defer cancel()
	record, _, err := l.Interface.Get(ctx)
	if err == nil {
		if record.HolderIdentity != l.Identity() {
			return
		}
		// The update names the version just read: should another have taken the Lease since, it is refused.
		now := metav1.Now()
		err = l.Interface.Update(ctx, resourcelock.LeaderElectionRecord{
			LeaseDurationSeconds: 1, AcquireTime: now, RenewTime: now, LeaderTransitions: record.LeaderTransitions,
		})
	}
	if err != nil {
		l.log.Warn().Str("error", plain(err)).Msg("Lease not released, it runs out by itself")
		return
	}
	l.log.Info().Msg("Lease released")
}

// age is the time since the last renewal by the clock that says more: the monotonic one stands still while a virtual
// machine is suspended, the other one may be set.
func (l *leaseLock) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

func (l *leaseLock) stamp(renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = renewed
}

// note logs what keeps a verb from working when that begins or changes, and its end.
func (l *leaseLock) note(ctx context.Context, verb string, err error) {
	text := ""
	switch {
	case err == nil, verb == "get" && apierrors.IsNotFound(err):
	case ctx.Err() != nil, apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return // given up, or another was faster: says nothing about the access
	default:
		text = explain(err, l.client.leaseRule(verb)).text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = text
	if text == l.logged[verb] {
		return
	}
	l.logged[verb] = text
	if text != "" {
		l.log.Warn().Str("verb", verb).Str("error", text).Msg("no access to the Lease, retrying")
	} else {
		l.log.Info().Str("verb", verb).Msg("access to the Lease again")
	}
}
