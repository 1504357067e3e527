package main

func overview() board {
	w, s, both := chosen("$watcher"), chosen("$syncer"), chosen("$watcher|$syncer")
	return board{
		name: "overview", title: "odasync / Overview",
		about:     "State of the pipeline from the cluster to the Component Registry.",
		variables: []variable{namespace, cluster, target, ofCluster("watcher", true), ofTarget("syncer", true)},
		rows: []row{
			{"Health", 4, []panel{
				{title: "Leaders", about: "Watchers that lead. There is one for each cluster.", stat: true, unit: "short",
					steps:   []step{{0, "red"}, {1, "green"}},
					queries: []query{{"sum(odasync_leader" + w + ")", ""}}},
				{title: "Components", about: "Components of the cluster that are published to the stream.", stat: true, unit: "short",
					queries: []query{{"sum(oda_collector_components_current" + w + ")", ""}}},
				{title: "Registry", about: "Whether a syncer of each target has a closed circuit breaker.", stat: true, unit: "short", steps: oneIsGood,
					texts:   map[string]string{"0": "unavailable", "1": "available"},
					queries: []query{{`min(max by (namespace, job) (odasync_breaker_state` + chosen("$syncer", `state="closed"`) + `))`, ""}}},
				{title: "Dead letters", about: "Components with a dead letter. ctl dlq list shows them.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"sum(" + aTarget("odasync_dead_letters", s) + ")", ""}}},
				{title: "Pending deletions", about: "Deletions of components and of orphans that wait for ctl approve.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"sum(odasync_deletions_pending_approval" + w + " * odasync_leader" + w + ") + max(" + aTarget("odasync_orphans_pending_approval", s) + ")", ""}}},
				{title: "Failing checks", about: "Readiness checks that fail, over all processes.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"count(odasync_ready" + both + " == 0) or vector(0)", ""}}},
				{title: "Alerts", about: "Firing alerts of odasync, in every namespace.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{`count(ALERTS{alertname=~"Odasync.+", alertstate="firing"}) or vector(0)`, ""}}},
				{title: "Versions", about: "Processes by version. More than one version is normal only during an upgrade.", stat: true, unit: "short",
					queries: []query{{"count by (version) (odasync_build_info" + both + ")", "{{version}}"}}},
			}},
			{"Latency", 8, []panel{
				{title: "End-to-end latency", about: "Time from the moment the watcher receives a change until the registry has it.", unit: "s", steps: limit(10, 60),
					queries: []query{
						{quantile("0.5", "odasync_end_to_end_seconds", s, ""), "p50"},
						{quantile("0.95", "odasync_end_to_end_seconds", s, ""), "p95"},
						{quantile("0.99", "odasync_end_to_end_seconds", s, ""), "p99"},
					}},
				{title: "Oldest unacknowledged message", about: "Age of the oldest message without an outcome.", unit: "s", steps: limit(60, 600),
					queries: []query{{aTarget("odasync_stream_oldest_unacked_age_seconds", s), "{{job}}"}}},
				{title: "Backlog", about: "Pending: not delivered to a syncer yet. Ack pending: delivered, without an outcome yet, including those that wait for a retry.", unit: "short",
					queries: []query{
						{aTarget("odasync_stream_pending_messages", s), "pending {{job}}"},
						{aTarget("odasync_stream_ack_pending_messages", s), "ack pending {{job}}"},
					}},
			}},
			{"Throughput", 8, []panel{
				{title: "Published events", about: "Events a second that the leading watcher publishes, by type.", unit: "cps",
					queries: []query{{rate("odasync_events_published_total", w, "type"), "{{type}}"}}},
				{title: "Handled messages", about: "Messages a second that the syncers handle, by outcome.", unit: "cps",
					queries: []query{{rate("odasync_events_handled_total", s, "outcome"), "{{outcome}}"}}},
				{title: "Failures", about: "Failed applies and deletions a second, by class. unavailable, rate_limited and unauthorized are retried without a limit.", unit: "cps",
					queries: []query{{rate("odasync_apply_failures_total", s, "class"), "{{class}}"}}},
			}},
			{"Repairs", 8, []panel{
				{title: "Full sync corrections", about: "Differences a second that full syncs find because the watch did not deliver them.", unit: "cps",
					queries: []query{{rate("odasync_full_sync_corrections_total", w, "type"), "{{type}}"}}},
				{title: "Registry drift", about: "Entries a second that reconciles find different from the stream, by problem.", unit: "cps",
					queries: []query{{rate("odasync_drift_total", s, "problem"), "{{problem}}"}}},
				{title: "Full sync age", about: "Time since the last full sync, and the configured interval.", unit: "s",
					queries: []query{
						{"max by (namespace, job) (odasync_full_sync_age_seconds" + w + ")", "age {{job}}"},
						{"max by (namespace, job) (odasync_full_sync_interval_seconds" + w + ")", "interval {{job}}"},
					}},
			}},
			{"Processes", 7, []panel{
				{title: "Readiness", about: "Readiness checks by process: 1 passes, 0 fails.", unit: "short",
					queries: []query{{"min by (instance, check) (odasync_ready" + both + ")", "{{instance}} {{check}}"}}},
				{title: "Memory", about: "Resident memory.", unit: "bytes",
					queries: []query{{"process_resident_memory_bytes" + both, "{{instance}}"}}},
				{title: "CPU", about: "CPU cores in use.", unit: "short",
					queries: []query{{"sum by (instance) (rate(process_cpu_seconds_total" + both + "[$__rate_interval]))", "{{instance}}"}}},
			}},
		},
	}
}
