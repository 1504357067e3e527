package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"odasync/test/procs"
)

// setting is an environment for measurements.
type setting struct {
	name, title string
	replicas    int
	delay       time.Duration // of the registry
}

var allSettings = []setting{
	{"r1", "one nats-server, registry in memory", 1, 0},
	{"r3", "three nats-servers, registry in memory", 3, 0},
	{"slow", "one nats-server, registry that takes 5 ms", 1, 5 * time.Millisecond},
}

func names() (names []string) {
	for _, s := range allSettings {
		names = append(names, s.name)
	}
	return names
}

func find(name string) (setting, bool) {
	i := slices.IndexFunc(allSettings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return allSettings[i], true
}

// bench is one run.
type bench struct {
	options
	out     io.Writer
	group   *procs.Group
	self    string // this program, which is registry and plain client too
	started int
}

// The goals, printed beside the measurements.
const (
	goalSpeedUp    = 1.9
	goalSlow       = 0.95
	goalRoundTrips = 3
)

const (
	defaultWorkers = 16
	manyWorkers    = 64
)

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	group, end, err := procs.Temporary("odasync-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	b := &bench{options: o, out: out, group: group}
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	built, err := procs.BinDir()
	if err != nil {
		return err
	}
	syncers := []contender{{name: "syncer", folder: built}}
	if o.baseline != "" {
		syncers = append(syncers, contender{name: "baseline", folder: o.baseline})
	}
	fmt.Fprintf(b.out, "%d components with two APIs, %d rounds, medians; CPU seconds are for a thousand components\n", o.components, o.rounds)
	for _, name := range o.settings {
		s, _ := find(name) // validate has found it
		if err := b.setting(ctx, s, syncers); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return nil
}

// setting measures all contenders in turn, round by round, and prints a table.
func (b *bench) setting(ctx context.Context, s setting, syncers []contender) error {
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	on, err := startBroker(starting, b.group, s.replicas, b.options)
	if err != nil {
		return err
	}
	var contenders []contender
	for _, workers := range []int{defaultWorkers, manyWorkers} {
		contenders = append(contenders, contender{name: "plain client", workers: workers})
		for _, c := range syncers {
			c.workers = workers
			if workers != defaultWorkers {
				c.env = map[string]string{"SYNC_CONCURRENCY": strconv.Itoa(workers)}
			}
			contenders = append(contenders, c)
		}
	}
	results := make([][]result, len(contenders))
	for round := range b.rounds {
		order := make([]int, len(contenders))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 { // so that no contender always follows the same one
			slices.Reverse(order)
		}
		for _, i := range order {
			r, err := b.measure(ctx, s, on, contenders[i])
			if err != nil {
				return err
			}
			results[i] = append(results[i], r)
			fmt.Fprintf(b.out, "BenchmarkApply/setting=%s/client=%s/workers=%d 1 %.1f components/s %.3f cpu-s/1000\n",
				s.name, strings.ReplaceAll(contenders[i].name, " ", "-"), contenders[i].workers, r.rate, r.own.Seconds())
		}
	}
	b.print(s, contenders, results)
	if s.delay == 0 {
		for _, c := range syncers {
			if err := b.roundTrips(ctx, s, on, c); err != nil {
				return err
			}
		}
	}
	return on.stop()
}

// print prints the medians, and the ratios within each round.
func (b *bench) print(s setting, contenders []contender, results [][]result) {
	fmt.Fprintf(b.out, "\n%s\n", s.title)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tworkers\tcomponents/s\tto the plain client\tlowest, highest\tCPU s own\tbroker\tregistry\trequests\t")
	ratios := map[string]float64{} // by name and workers
	var plain []result
	for i, c := range contenders {
		all := results[i]
		if c.folder == "" {
			plain = all
		}
		var ratio []float64
		for round, r := range all {
			ratio = append(ratio, r.rate/plain[round].rate)
		}
		ratios[fmt.Sprint(c.name, c.workers)] = median(ratio)
		of := func(value func(result) float64) float64 {
			var values []float64
			for _, r := range all {
				values = append(values, value(r))
			}
			return median(values)
		}
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.3f\t%.3f, %.3f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", c.name, c.workers,
			of(func(r result) float64 { return r.rate }), median(ratio), slices.Min(ratio), slices.Max(ratio),
			of(func(r result) float64 { return r.own.Seconds() }), of(func(r result) float64 { return r.broker.Seconds() }),
			of(func(r result) float64 { return r.theirs.Seconds() }), of(func(r result) float64 { return r.requests }))
	}
	_ = w.Flush() // to the terminal
	for _, workers := range []int{defaultWorkers, manyWorkers} {
		now := ratios[fmt.Sprint("syncer", workers)]
		if s.delay > 0 {
			fmt.Fprintf(b.out, "%d workers: %.1f %% of the plain client (goal %.0f %%)\n", workers, 100*now, 100*goalSlow)
		} else if before, measured := ratios[fmt.Sprint("baseline", workers)]; measured {
			fmt.Fprintf(b.out, "%d workers: %.2f times the baseline's ratio to the plain client (goal %.1f)\n", workers, now/before, goalSpeedUp)
		}
	}
}

// roundTrips counts what one syncer sends to the broker.
func (b *bench) roundTrips(ctx context.Context, s setting, on *broker, c contender) error {
	if err := on.clear(ctx); err != nil {
		return err
	}
	counted, stop, err := on.listen()
	if err != nil {
		return err
	}
	c.workers = defaultWorkers
	if _, err := b.measure(ctx, s, on, c); err != nil {
		return err
	}
	if err := stop(); err != nil {
		return err
	}
	waited, kinds := counted.perApply(b.components)
	fmt.Fprintf(b.out, "%s: %.2f blocking round trips to the broker for each apply (goal %d):\n", c.name, waited, goalRoundTrips)
	for _, kind := range kinds {
		fmt.Fprintf(b.out, "  %s\n", kind)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
