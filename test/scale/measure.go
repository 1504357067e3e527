package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"odasync/test/procs"
)

// interval is the SYNC_INTERVAL of the processes in seconds, cycles the least number of intervals in an idle phase.
const (
	interval = 20
	cycles   = 5
)

// pipeline are the measured processes.
type pipeline struct {
	group                     *procs.Group
	watcherSpec, syncerSpec   procs.Spec
	watcher, syncer, registry *procs.Process
	ctl                       map[string]string
}

// start starts NATS and the registry.
func start(ctx context.Context, group *procs.Group, kubeconfig string, s settings) (*pipeline, error) {
	_, natsURL, err := group.NATS(ctx, "nats", 0)
	if err != nil {
		return nil, err
	}
	registry, registryURL, err := group.Registry(ctx, "registry", 0)
	if err != nil {
		return nil, err
	}
	common := map[string]string{"NATS_URL": natsURL, "CLUSTER_NAME": "scale", "SYNC_INTERVAL": strconv.Itoa(interval), "MONITORING_PPROF": "true"}
	if s.memoryLimit != "" {
		common["GOMEMLIMIT"] = s.memoryLimit
	}
	return &pipeline{
		group: group, registry: registry, ctl: map[string]string{"NATS_URL": natsURL, "CLUSTER_NAME": "scale"},
		watcherSpec: procs.Watcher("watcher", common).With(map[string]string{
			"KUBECONFIG": kubeconfig, "KUBERNETES_NAMESPACE": "all", "LEASE_NAMESPACE": "canvas",
		}),
		syncerSpec: procs.Syncer("syncer", common).With(map[string]string{"COMPONENT_REGISTRY_URL": registryURL}),
	}, nil
}

// phase is a row of the table.
type phase struct {
	name                 string
	took                 time.Duration
	watcher, syncer      usage
	reconciles, requests float64
}

func (p phase) each() string {
	if p.reconciles == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", p.requests/p.reconciles)
}

// usage is what a process used in a phase: memory in MB, and CPU in percent of one core.
type usage struct{ peak, last, cpu float64 }

func (p *pipeline) measure(ctx context.Context, count int) ([]phase, error) {
	steps := []struct {
		name  string
		begin func() error
		until func() error
	}{
		{"first sync", p.boot, func() error {
			return p.reached(ctx, p.syncer, `odasync_events_handled_total{outcome="applied"}`, float64(count))
		}},
		{"reconciles after it", nothing, func() error { return p.idle(ctx) }},
		{"restart", p.reboot, func() error { return errors.Join(p.watcher.AwaitReady(ctx), p.cycled(ctx, 1)) }},
		{"idle cycles", nothing, func() error { return p.idle(ctx) }},
	}
	var phases []phase
	for _, step := range steps {
		fmt.Fprintln(os.Stderr, "measuring:", step.name)
		measured, err := p.phase(ctx, step.name, step.begin, step.until)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		phases = append(phases, measured)
	}
	return phases, errors.Join(p.watcher.Stop(), p.syncer.Stop())
}

func nothing() error { return nil }

func (p *pipeline) boot() (err error) {
	if p.syncer, err = p.group.Start(p.syncerSpec); err != nil {
		return err
	}
	p.watcher, err = p.group.Start(p.watcherSpec)
	return err
}

func (p *pipeline) reboot() error {
	if err := errors.Join(p.watcher.Stop(), p.syncer.Stop()); err != nil {
		return err
	}
	return p.boot()
}

// idle waits for full syncs and reconciles. After the long first sync the next full sync would be late, so it requests one.
func (p *pipeline) idle(ctx context.Context) error {
	spec := procs.Spec{Name: "ctl-sync", Program: "ctl", Args: []string{"sync", "--all", "--timeout", "10m"}, Env: p.ctl}
	asked, err := p.group.Start(spec)
	if err != nil {
		return err
	}
	if code, err := asked.Wait(ctx); err != nil || code != 0 {
		return errors.Join(fmt.Errorf("ctl sync --all ended with %d:\n%s", code, asked.Tail(20)), err)
	}
	if err := procs.Pause(ctx, cycles*interval*time.Second); err != nil {
		return err
	}
	return p.cycled(ctx, 2)
}

// cycled waits until the syncer has finished a number of reconciles since its start.
func (p *pipeline) cycled(ctx context.Context, reconciles float64) error {
	return p.reached(ctx, p.syncer, reconciled, reconciles)
}

const reconciled = `odasync_reconciles_total{result="success"}`

// reached waits until a metric has reached a value.
func (p *pipeline) reached(ctx context.Context, process *procs.Process, metric string, number float64) error {
	for {
		value, err := process.Metric(ctx, metric)
		if err != nil && !errors.Is(err, procs.ErrNoSeries) { // it exists once the process has connected
			return err
		}
		if value >= number {
			return nil
		}
		if err := procs.Pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%s is %.0f, not %.0f: %w; the last output:\n%s", metric, value, number, err, process.Tail(20))
		}
	}
}

// phase measures what the processes use from begin on until the end.
func (p *pipeline) phase(ctx context.Context, name string, begin, until func() error) (phase, error) {
	measured := phase{name: name}
	began := time.Now()
	if err := begin(); err != nil {
		return measured, err
	}
	watcher, err := beginUsage(p.watcher)
	if err != nil {
		return measured, err
	}
	syncer, err := beginUsage(p.syncer)
	if err != nil {
		return measured, err
	}
	before, requests := p.counters(ctx)
	if err := until(); err != nil {
		return measured, err
	}
	measured.took = time.Since(began)
	after, requested := p.counters(ctx)
	measured.reconciles, measured.requests = after-before, requested-requests
	if measured.watcher, err = watcher.end(); err != nil {
		return measured, err
	}
	measured.syncer, err = syncer.end()
	return measured, err
}

// counters reads how many reconciles the syncer did and how many pages it asked for; 0 where it has just begun.
func (p *pipeline) counters(ctx context.Context) (reconciles, requests float64) {
	reconciles, _ = p.syncer.Metric(ctx, reconciled)
	for _, endpoint := range []string{"/components/", "/exposed-apis/", "/registries/", "/labels/"} {
		pages, _ := p.syncer.Metric(ctx, `oda_collector_registry_api_calls_total{endpoint="`+endpoint+`",method="GET",status="200"}`)
		requests += pages
	}
	return reconciles, requests
}

// watched is a process whose usage is measured.
type watched struct {
	pid   int
	began time.Time
	cpu   time.Duration
}

// beginUsage resets the peak.
func beginUsage(process *procs.Process) (watched, error) {
	w := watched{pid: process.PID(), began: time.Now()}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", w.pid), []byte("5"), 0); err != nil {
		return w, fmt.Errorf("reset the peak memory of %s, which needs Linux: %w", process.Spec.Name, err)
	}
	var err error
	w.cpu, err = cpuTime(w.pid)
	return w, err
}

func (w watched) end() (usage, error) {
	cpu, err := cpuTime(w.pid)
	if err != nil {
		return usage{}, err
	}
	u := usage{cpu: 100 * (cpu - w.cpu).Seconds() / time.Since(w.began).Seconds()}
	if u.peak, err = memory(w.pid, "VmHWM:"); err != nil {
		return u, err
	}
	u.last, err = memory(w.pid, "VmRSS:")
	return u, err
}

// cpuTime is the CPU time of a process, user and system.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on, the state
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime
		number, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += number
	}
	return time.Duration(ticks) * time.Second / 100, nil // USER_HZ is 100 on Linux
}

// memory reads a line of a process's status, in MB.
func memory(pid int, name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		return kilobytes / 1024, nil
	}
	return 0, fmt.Errorf("read memory: no %s in the status of process %d", name, pid)
}
