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

// measure runs the watcher until the metric has reached the number, and returns its peak memory in MB and the time from
// its start.
func measure(ctx context.Context, group *procs.Group, spec procs.Spec, metric string, number float64) (peak float64, took time.Duration, err error) {
	watcher, err := group.Start(spec)
	if err != nil {
		return 0, 0, err
	}
	for {
		reached, err := watcher.Metric(ctx, metric)
		if err != nil && !errors.Is(err, procs.ErrNoSeries) { // it comes once the watcher has connected
			return 0, 0, err
		}
		if reached >= number {
			break
		}
		if err := procs.Pause(ctx, 100*time.Millisecond); err != nil {
			return 0, 0, fmt.Errorf("%s is %.0f, not %.0f: %w; the watcher's last words:\n%s", metric, reached, number, err, watcher.Tail(20))
		}
	}
	took = time.Since(watcher.Started)
	if peak, err = peakMemory(watcher.PID()); err != nil {
		return 0, 0, err
	}
	return peak, took, watcher.Stop()
}

// peakMemory reads the highest resident memory that a process ever had, in MB.
func peakMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the watcher's peak memory, which needs Linux: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, "VmHWM:")
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		if err != nil {
			return 0, fmt.Errorf("read the watcher's peak memory: %w", err)
		}
		return kilobytes / 1024, nil
	}
	return 0, fmt.Errorf("read the watcher's peak memory: no VmHWM in the status of process %d", pid)
}
