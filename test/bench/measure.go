package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"odasync/test/procs"
)

// contender is who fills a registry.
type contender struct {
	name string
	// folder holds the syncer; empty for the plain client.
	folder  string
	workers int
	// env are a syncer's settings besides where everything is.
	env map[string]string
}

// result is one measurement.
type result struct {
	rate                float64       // components a second
	own, broker, theirs time.Duration // CPU time for a thousand components: of the contender, the broker, the registry
	requests            float64       // to the registry, a component
}

// pollPause is short against a measurement and long against a request.
const pollPause = 20 * time.Millisecond

// measure lets a contender fill an empty registry. What it does before its first component is not counted.
func (b *bench) measure(ctx context.Context, s setting, on *broker, c contender) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := on.clear(ctx); err != nil {
		return r, err
	}
	b.started++
	registry, err := b.group.Start(procs.Spec{
		Name: fmt.Sprintf("registry-%d", b.started), Program: filepath.Base(b.self), Folder: filepath.Dir(b.self),
		Args: []string{"-serve", "-delay", s.delay.String()},
	})
	if err != nil {
		return r, err
	}
	line, err := registry.Await(ctx, "registry at ")
	if err != nil {
		return r, err
	}
	url := line[len("registry at "):]
	p, err := b.group.Start(b.spec(s, on, c, url))
	if err != nil {
		return r, err
	}
	if r, err = b.follow(ctx, p, registry, on, url); err != nil {
		return r, fmt.Errorf("%s with %d workers: %w; see its log:\n%s", c.name, c.workers, err, lastLines(p.LogFile()))
	}
	if c.folder == "" {
		_, err = p.Wait(ctx)
	} else {
		err = p.Stop()
	}
	if err != nil {
		return r, err
	}
	return r, registry.Stop()
}

func (b *bench) spec(s setting, on *broker, c contender, url string) procs.Spec {
	name := fmt.Sprintf("contender-%d", b.started)
	if c.folder == "" {
		return procs.Spec{
			Name: name, Program: filepath.Base(b.self), Folder: filepath.Dir(b.self), Unread: true,
			Args: []string{"-plain", url, "-workers", strconv.Itoa(c.workers), "-components", strconv.Itoa(b.components)},
		}
	}
	spec := procs.Syncer(name, map[string]string{
		"NATS_URL": on.url, "COMPONENT_REGISTRY_URL": url, "STREAM_REPLICAS": strconv.Itoa(on.replicas),
		"COMPONENT_REGISTRY_API": "v1",    // the minimal registry has nothing to be recognised by
		"GOMEMLIMIT":             "64MiB", // as the chart sets it
	}).With(c.env)
	spec.Folder, spec.Unread = c.folder, true
	return spec
}

// follow waits until the registry shows everything, and reads the clocks from the first component on.
func (b *bench) follow(ctx context.Context, p, registry *procs.Process, on *broker, url string) (r result, err error) {
	type reading struct {
		stats               stats
		at                  time.Time
		own, broker, theirs time.Duration
	}
	read := func() (now reading, err error) {
		if now.stats, err = askStats(ctx, url); err != nil {
			return now, err
		}
		now.at = time.Now()
		if now.broker, err = cpu(on.servers...); err != nil {
			return now, err
		}
		if now.theirs, err = cpu(registry); err != nil {
			return now, err
		}
		if p.Running() { // a plain client ends when it has done its work
			now.own, _ = cpu(p) // 0 when it has just ended, which the caller sees
		}
		return now, nil
	}
	var first, last reading
	for {
		now, err := read()
		if err != nil {
			return r, err
		}
		if now.own == 0 {
			now.own = last.own
		}
		if last = now; first.at.IsZero() && now.stats.Components > 0 {
			first = now
		}
		if now.stats.Unexpected > 0 || now.stats.Refused > 0 {
			return r, fmt.Errorf("it sent %d requests that a first apply does not need and %d that were refused", now.stats.Unexpected, now.stats.Refused)
		}
		if now.stats.Components == b.components && now.stats.APIs == b.components*len(apiNames) {
			break
		}
		if err := procs.Pause(ctx, pollPause); err != nil {
			return r, fmt.Errorf("the registry has %d of %d components and %d APIs: %w", now.stats.Components, b.components, now.stats.APIs, err)
		}
	}
	count := last.stats.Components - first.stats.Components
	if count < b.components/2 {
		return r, fmt.Errorf("only %d components could be watched: give -components more", count)
	}
	thousand := func(used time.Duration) time.Duration { return used * 1000 / time.Duration(count) }
	return result{
		rate: float64(count) / last.stats.LastWrite.Sub(first.at).Seconds(),
		own:  thousand(last.own - first.own), broker: thousand(last.broker - first.broker), theirs: thousand(last.theirs - first.theirs),
		requests: float64(last.stats.Requests-first.stats.Requests) / float64(count),
	}, nil
}

func lastLines(path string) string {
	const most = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
