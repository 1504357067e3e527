package faults

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"odasync/test/procs"
	"odasync/test/testenv"
)

// injector performs a plan.
type injector struct {
	*fleet
	registry *registryFaults

	mu       sync.Mutex
	injected []injectedFault
}

// injectedFault is a fault with its beginning and end.
type injectedFault struct {
	step
	from, to time.Time
}

// during returns the faults that overlap a period.
func (in *injector) during(from, to time.Time) (found []injectedFault) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.injected {
		if s.from.Before(to) && s.to.After(from) {
			found = append(found, s)
		}
	}
	return found
}

// run performs both sequences of the plan and returns after the last fault, when every process runs again. It counts the faults
// by kind.
func (in *injector) run(ctx context.Context, p plan) (injected map[string]int, err error) {
	processes, registry := map[string]int{}, map[string]int{}
	perform := func(steps []step, counts map[string]int, do func(step) error) func() error {
		return func() error {
			for _, s := range steps {
				if err := procs.Pause(ctx, s.pause); err != nil {
					return err
				}
				began := time.Now()
				if err := do(s); err != nil {
					return fmt.Errorf("%s: %w", s.kind, err)
				}
				counts[s.kind]++
				in.mu.Lock()
				in.injected = append(in.injected, injectedFault{s, began, time.Now()})
				in.mu.Unlock()
			}
			return nil
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(perform(p.processes, processes, in.inject))
	group.Go(perform(p.registry, registry, func(s step) error {
		in.registry.current.Store(&s)
		defer in.registry.current.Store(nil)
		return procs.Pause(ctx, s.lasts)
	}))
	err = group.Wait()
	for kind, count := range registry {
		processes[kind] = count
	}
	return processes, err
}

func (in *injector) inject(s step) error {
	server := s.target % len(in.NATS)
	switch s.kind {
	case killLeader, killStandby, freezeLeader:
		which, err := in.watcher(s.kind != killStandby)
		if err != nil {
			return err
		}
		if s.kind == freezeLeader {
			return in.freezeFor(*which, s.lasts)
		}
		return in.killFor(which, s.lasts)
	case killSyncer:
		return in.killFor(&in.syncers[s.target%len(in.syncers)], s.lasts)
	case freezeSyncer:
		return in.freezeFor(in.syncers[s.target%len(in.syncers)], s.lasts)
	case freezeNATS:
		return in.freezeFor(in.NATS[server], s.lasts)
	case killNATS:
		return in.killFor(&in.NATS[server], s.lasts)
	case restartNATS:
		for i := range in.NATS {
			if err := in.NATS[i].Stop(); err != nil {
				return err
			}
		}
		_ = procs.Pause(in.Context(), s.lasts) // the servers are restarted in any case
		for i := range in.NATS {
			if err := in.restart(&in.NATS[i]); err != nil {
				return err
			}
		}
		return nil
	case compactAPI:
		return in.Cluster.Compact()
	}
	return fmt.Errorf("unknown kind of fault")
}

func (in *injector) killFor(p **procs.Process, lasts time.Duration) error {
	(*p).Kill()
	_ = procs.Pause(in.Context(), lasts) // the process is restarted in any case
	return in.restart(p)
}

// watcher finds the leader or the standby. It waits while there is no leader, as after an outage of NATS.
func (in *injector) watcher(leading bool) (**procs.Process, error) {
	ctx := in.Within(testenv.Timeout)
	for {
		leads, other, err := in.leader()
		switch {
		case err == nil && leading:
			return leads, nil
		case err == nil:
			return other, nil
		}
		if procs.Pause(ctx, 100*time.Millisecond) != nil {
			return nil, err
		}
	}
}
