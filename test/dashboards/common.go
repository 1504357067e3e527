package main

import (
	"fmt"
	"strings"
)

// Variables of several dashboards. Series scraped outside Kubernetes may lack the label namespace, so "all" is ".*".
var (
	namespace = variable{name: "namespace", label: "Namespace", query: "label_values(odasync_build_info, namespace)", all: ".*"}
	cluster   = variable{name: "cluster", label: "Cluster", query: `label_values(odasync_watcher_info{namespace=~"$namespace"}, cluster_name)`, all: ".*"}
	target    = variable{name: "target", label: "Target", query: `label_values(odasync_syncer_info{namespace=~"$namespace"}, target)`, all: ".*"}
)

// ofCluster is a variable with the watchers of the selected clusters.
func ofCluster(name string, hidden bool) variable {
	return variable{name: name, label: "Instance", hidden: hidden,
		query: `label_values(odasync_watcher_info{namespace=~"$namespace", cluster_name=~"$cluster"}, instance)`}
}

// ofTarget is a variable with the syncers of the selected targets.
func ofTarget(name string, hidden bool) variable {
	return variable{name: name, label: "Instance", hidden: hidden,
		query: `label_values(odasync_syncer_info{namespace=~"$namespace", target=~"$target"}, instance)`}
}

// chosen returns a selector for the selected instances with further conditions.
func chosen(instances string, more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`namespace=~"$namespace", instance=~%q`, instances)}, more...), ", ") + "}"
}

// rate returns the increase of a counter a second, by labels.
func rate(metric, selector, by string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s%s[$__rate_interval]))", by, metric, selector)
}

// quantile returns a quantile of a histogram, by labels; by may be empty.
func quantile(q, metric, selector, by string) string {
	return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s_bucket%s[$__rate_interval])))", q, strings.TrimPrefix(by+", le", ", "), metric, selector)
}

// aTarget returns a gauge that every syncer of a target reports, once for each Deployment.
func aTarget(metric, selector string) string {
	return fmt.Sprintf("max by (namespace, job) (%s%s)", metric, selector)
}

// runtime is the row with the metrics of the Go runtime and the process.
func runtime(selector string) row {
	each := "{{instance}}"
	return row{"Processes", 7, []panel{
		{title: "Memory", about: "Resident memory. A line that only rises indicates a leak.", unit: "bytes",
			queries: []query{{"process_resident_memory_bytes" + selector, each}}},
		{title: "Heap", about: "Allocated heap.", unit: "bytes", queries: []query{{"go_memstats_heap_alloc_bytes" + selector, each}}},
		{title: "CPU", about: "CPU cores in use.", unit: "short",
			queries: []query{{"sum by (instance) (rate(process_cpu_seconds_total" + selector + "[$__rate_interval]))", each}}},
		{title: "Goroutines", about: "Number of goroutines. A line that only rises indicates a leak.", unit: "short", queries: []query{{"go_goroutines" + selector, each}}},
		{title: "Garbage collection", about: "Share of time in which garbage collection pauses the process.", unit: "percentunit",
			queries: []query{{"sum by (instance) (rate(go_gc_duration_seconds_sum" + selector + "[$__rate_interval]))", each}}},
		{title: "Restarts", about: "Restarts within the last hour.", unit: "short", steps: limit(1, 4),
			queries: []query{{"changes(process_start_time_seconds" + selector + "[1h])", each}}},
	}}
}
