package main

import (
	"fmt"
	"strings"
)

// Variables that several dashboards have. The labels of a Prometheus that runs outside Kubernetes may lack a namespace, so
// that all namespaces are written as anything.
var (
	namespace = variable{name: "namespace", label: "Namespace", query: "label_values(odasync_build_info, namespace)", all: ".*"}
	cluster   = variable{name: "cluster", label: "Cluster", query: `label_values(odasync_watcher_info{namespace=~"$namespace"}, cluster_name)`, all: ".*"}
	target    = variable{name: "target", label: "Target", query: `label_values(odasync_syncer_info{namespace=~"$namespace"}, target)`, all: ".*"}
)

// ofCluster is the watchers of the clusters that were chosen.
func ofCluster(name string, hidden bool) variable {
	return variable{name: name, label: "Instance", hidden: hidden,
		query: `label_values(odasync_watcher_info{namespace=~"$namespace", cluster_name=~"$cluster"}, instance)`}
}

// ofTarget is the syncers of the targets that were chosen.
func ofTarget(name string, hidden bool) variable {
	return variable{name: name, label: "Instance", hidden: hidden,
		query: `label_values(odasync_syncer_info{namespace=~"$namespace", target=~"$target"}, instance)`}
}

// chosen is a selector of what was chosen, by the variables of instances, with more conditions.
func chosen(instances string, more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`namespace=~"$namespace", instance=~%q`, instances)}, more...), ", ") + "}"
}

// rate is how often a counter grows each second, by labels.
func rate(metric, selector, by string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s%s[$__rate_interval]))", by, metric, selector)
}

// quantile is of a histogram, by labels; by may be empty.
func quantile(q, metric, selector, by string) string {
	return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s_bucket%s[$__rate_interval])))", q, strings.TrimPrefix(by+", le", ", "), metric, selector)
}

// aTarget is the value of a gauge that every syncer of a target tells, once for each Deployment.
func aTarget(metric, selector string) string {
	return fmt.Sprintf("max by (namespace, job) (%s%s)", metric, selector)
}

// runtime is how a process fares in Go's words.
func runtime(selector string) row {
	each := "{{instance}}"
	return row{"Processes", 7, []panel{
		{title: "Memory", about: "What the process has of the machine's memory. A line that only rises is a leak.", unit: "bytes",
			queries: []query{{"process_resident_memory_bytes" + selector, each}}},
		{title: "Heap", about: "What Go's heap holds.", unit: "bytes", queries: []query{{"go_memstats_heap_alloc_bytes" + selector, each}}},
		{title: "CPU", about: "Cores that the process keeps busy.", unit: "short",
			queries: []query{{"sum by (instance) (rate(process_cpu_seconds_total" + selector + "[$__rate_interval]))", each}}},
		{title: "Goroutines", about: "A line that only rises is a leak.", unit: "short", queries: []query{{"go_goroutines" + selector, each}}},
		{title: "Garbage collection", about: "Part of the time in which Go's collector stops the process.", unit: "percentunit",
			queries: []query{{"sum by (instance) (rate(go_gc_duration_seconds_sum" + selector + "[$__rate_interval]))", each}}},
		{title: "Restarts", about: "How often the process began anew within the last hour.", unit: "short", steps: limit(1, 4),
			queries: []query{{"changes(process_start_time_seconds" + selector + "[1h])", each}}},
	}}
}
