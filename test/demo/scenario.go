package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/procs"
)

// visibleWithin is how long a change may take until it is visible. After a first change that is missing the others get
// less time.
const (
	visibleWithin     = 20 * time.Second
	visibleWithinNext = 2 * time.Second
)

// syncInterval is the time between two reconciles of the syncer, 60 s by default: how long a registry that lost its content
// can stay empty.
const syncInterval = 5 * time.Second

// The samples that are changed and deleted in the end.
const (
	changedSample = "acme-productinventory"
	deletedSample = "zenith-billgeneration"
)

// change is one change of the cluster, and the state of the registry that follows.
type change struct {
	sample *unstructured.Unstructured
	word   string
	do     func(context.Context, ...*unstructured.Unstructured) error
	want   state
}

// scenario applies the samples, changes one, deletes one and restarts the registry, and prints when the registry has each
// change.
func scenario(ctx context.Context, show *screen, p *pipeline) (arrived bool, err error) {
	changes, err := planChanges(p)
	if err != nil {
		return false, err
	}
	if err := warmUp(ctx, p, changes[0].sample); err != nil {
		return false, err
	}
	show.line("")
	show.line(show.bold(row("COMPONENT", "NAMESPACE", "APPLIED", "VERSION", "APIS", "VISIBLE")))
	arrived = true
	patience := visibleWithin
	want := map[string]state{}
	for _, c := range changes {
		visible, err := c.play(ctx, show, p, patience)
		if err != nil {
			return false, err
		}
		if !visible {
			arrived, patience = false, visibleWithinNext
		}
		want[c.sample.GetName()] = c.want
	}
	show.line("")
	filled, err := restartRegistry(ctx, show, p, want)
	return arrived && filled, err
}

// planChanges lists what the demo does to the cluster, in order.
func planChanges(p *pipeline) ([]change, error) {
	samples, err := readSamples()
	if err != nil {
		return nil, err
	}
	var changes []change
	byName := map[string]*unstructured.Unstructured{}
	for _, sample := range samples {
		byName[sample.GetName()] = sample
		changes = append(changes, change{sample, sample.GroupVersionKind().Version, p.cluster.Apply, desiredState(sample)})
	}
	deployed, deleted := byName[changedSample].DeepCopy(), byName[deletedSample]
	if deployed == nil || deleted == nil {
		return nil, fmt.Errorf("deploy/samples lacks %s or %s", changedSample, deletedSample)
	}
	if err := finishDeployment(deployed); err != nil {
		return nil, err
	}
	return append(changes,
		change{deployed, "changed", p.cluster.Apply, desiredState(deployed)},
		change{deleted, "deleted", p.cluster.Delete, state{}},
	), nil
}

// play makes the change, and prints its row once the registry has it.
func (c change) play(ctx context.Context, show *screen, p *pipeline, patience time.Duration) (arrived bool, err error) {
	name, namespace := c.sample.GetName(), c.sample.GetNamespace()
	show.waiting(row(name, namespace, c.word, "", "", "..."))
	began := time.Now()
	if err := c.do(ctx, c.sample); err != nil {
		show.instead(row(name, namespace, c.word, "", "", show.red("not applied")))
		return false, err
	}
	var actual state
	arrived, err = await(ctx, patience, func(ctx context.Context) (_ bool, err error) {
		actual, err = readState(ctx, p.registryURL, name)
		return actual == c.want, err
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	took := show.red(fmt.Sprintf("not within %s", patience))
	if arrived {
		took = fmt.Sprintf("after %d ms", time.Since(began).Milliseconds())
		if !actual.exists {
			took = "gone " + took
		}
	}
	show.instead(show.colour(row(name, namespace, c.word, actual.version, actual.apis(), took)))
	return arrived, err
}

// restartRegistry restarts the registry, which is then empty, and prints when it has all components again.
func restartRegistry(ctx context.Context, show *screen, p *pipeline, want map[string]state) (filled bool, err error) {
	show.waiting("  registry restarted, empty: waiting for the next reconcile ...")
	if err := p.registry.Stop(); err != nil {
		return false, err
	}
	if err := p.startRegistry(ctx); err != nil {
		return false, err
	}
	began := time.Now()
	filled, err = await(ctx, visibleWithin+syncInterval, func(ctx context.Context) (bool, error) {
		for name, state := range want {
			if actual, err := readState(ctx, p.registryURL, name); err != nil || actual != state {
				return false, err
			}
		}
		return true, nil
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	took := show.red(fmt.Sprintf("not filled again within %s", visibleWithin+syncInterval))
	if filled {
		took = fmt.Sprintf("filled again after %.1f s", time.Since(began).Seconds())
	}
	show.instead(fmt.Sprintf("  registry restarted, empty: %s (a reconcile every %s)", took, syncInterval))
	return filled, err
}

// await polls the condition. The error is the condition's last one, if it was not met in time.
func await(ctx context.Context, patience time.Duration, condition func(context.Context) (bool, error)) (met bool, err error) {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		met, err := condition(limit)
		if err == nil && met {
			return true, nil
		}
		if procs.Pause(limit, 2*time.Millisecond) == nil {
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		return false, err
	}
}
