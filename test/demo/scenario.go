package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/test/procs"
)

// visibleWithin is how long a change may take to be visible before the demo calls it missing. Once something was
// missing, the others get less time.
const (
	visibleWithin     = 20 * time.Second
	visibleWithinNext = 2 * time.Second
)

// The samples that are changed and deleted in the end.
const (
	changedSample = "acme-productinventory"
	deletedSample = "zenith-billgeneration"
)

// change is one thing done to the cluster, and what the registry is to show then.
type change struct {
	sample *unstructured.Unstructured
	word   string
	do     func(context.Context, ...*unstructured.Unstructured) error
	want   shown
}

// scenario applies the samples, changes one and deletes one, and shows when each is visible in the registry.
func scenario(ctx context.Context, show *screen, p *pipeline) (missing bool, err error) {
	samples, err := readSamples()
	if err != nil {
		return false, err
	}
	if err := warmUp(ctx, p, samples[0]); err != nil {
		return false, err
	}
	var changes []change
	byName := map[string]*unstructured.Unstructured{}
	for _, sample := range samples {
		byName[sample.GetName()] = sample
		changes = append(changes, change{sample, sample.GroupVersionKind().Version, p.cluster.Apply, wanted(sample)})
	}
	deployed, deleted := byName[changedSample].DeepCopy(), byName[deletedSample]
	if deployed == nil || deleted == nil {
		return false, fmt.Errorf("deploy/samples lacks %s or %s", changedSample, deletedSample)
	}
	if err := finishDeployment(deployed); err != nil {
		return false, err
	}
	changes = append(changes,
		change{deployed, "changed", p.cluster.Apply, wanted(deployed)},
		change{deleted, "deleted", p.cluster.Delete, shown{}},
	)

	show.line("")
	show.line(show.bold(row("COMPONENT", "NAMESPACE", "APPLIED", "VERSION", "APIS", "VISIBLE")))
	patience := visibleWithin
	for _, c := range changes {
		arrived, err := c.play(ctx, show, p, patience)
		if err != nil {
			return false, err
		}
		if !arrived {
			missing, patience = true, visibleWithinNext
		}
	}
	return missing, nil
}

// play makes the change, and shows its row once the registry shows it.
func (c change) play(ctx context.Context, show *screen, p *pipeline, patience time.Duration) (arrived bool, err error) {
	name, namespace := c.sample.GetName(), c.sample.GetNamespace()
	show.waiting(row(name, namespace, c.word, "", "", "..."))
	began := time.Now()
	if err := c.do(ctx, c.sample); err != nil {
		show.instead(row(name, namespace, c.word, "", "", show.red("not applied")))
		return false, err
	}
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		now, err := look(limit, p.registryURL, name)
		if err == nil && now == c.want {
			took := fmt.Sprintf("after %d ms", time.Since(began).Milliseconds())
			if !now.exists {
				took = "gone " + took
			}
			show.instead(show.colour(row(name, namespace, c.word, now.version, now.states(), took)))
			return true, nil
		}
		if procs.Pause(limit, 2*time.Millisecond) == nil {
			continue
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		show.instead(row(name, namespace, c.word, now.version, now.states(), show.red(fmt.Sprintf("not within %s", patience))))
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return false, err
		}
		return false, nil
	}
}
