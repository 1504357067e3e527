package main

func overview() board {
	w, s, both := chosen("$watcher"), chosen("$syncer"), chosen("$watcher|$syncer")
	return board{
		name: "overview", title: "odasync / Overview",
		about:     "Does the Component Registry show what the cluster has, and how soon?",
		variables: []variable{namespace, cluster, target, ofCluster("watcher", true), ofTarget("syncer", true)},
		rows: []row{
			{"Is it right?", 4, []panel{
				{title: "Leaders", about: "Watchers that lead: one for each cluster.", stat: true, unit: "short",
					steps:   []step{{0, "red"}, {1, "green"}},
					queries: []query{{"sum(odasync_leader" + w + ")", ""}}},
				{title: "Components", about: "Components of the cluster that are published.", stat: true, unit: "short",
					queries: []query{{"sum(oda_collector_components_current" + w + ")", ""}}},
				{title: "Registry", about: "Whether any syncer can write it.", stat: true, unit: "short", steps: oneIsGood,
					texts:   map[string]string{"0": "away", "1": "takes writes"},
					queries: []query{{`min(max by (namespace, job) (odasync_breaker_state` + chosen("$syncer", `state="closed"`) + `))`, ""}}},
				{title: "Dead letters", about: "Components that the registry does not take: ctl dlq list.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"sum(" + aTarget("odasync_dead_letters", s) + ")", ""}}},
				{title: "Deletions held", about: "Deletions in the cluster and in the registry that wait for ctl reconcile --approve.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"sum(odasync_deletions_pending_approval" + w + " * odasync_leader" + w + ") + max(" + aTarget("odasync_orphans_pending_approval", s) + ")", ""}}},
				{title: "Missing", about: "Readiness checks that fail: what processes lack.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{"count(odasync_ready" + both + " == 0) or vector(0)", ""}}},
				{title: "Alerts", about: "Alerts of odasync that fire now, in every namespace.", stat: true, unit: "short", steps: zeroIsGood,
					queries: []query{{`count(ALERTS{alertname=~"Odasync.+", alertstate="firing"}) or vector(0)`, ""}}},
				{title: "Versions", about: "Processes of each version. Two of them during an upgrade only.", stat: true, unit: "short",
					queries: []query{{"count by (version) (odasync_build_info" + both + ")", "{{version}}"}}},
			}},
			{"Is it fast?", 8, []panel{
				{title: "From the cluster to the registry", about: "Time from the watcher's sight of a change to the registry's answer.", unit: "s", steps: limit(10, 60),
					queries: []query{
						{quantile("0.5", "odasync_end_to_end_seconds", s, ""), "half"},
						{quantile("0.95", "odasync_end_to_end_seconds", s, ""), "19 of 20"},
						{quantile("0.99", "odasync_end_to_end_seconds", s, ""), "99 of 100"},
					}},
				{title: "Oldest change that waits", about: "Age of the oldest message without an outcome.", unit: "s", steps: limit(60, 600),
					queries: []query{{aTarget("odasync_stream_oldest_unacked_age_seconds", s), "{{job}}"}}},
				{title: "Messages that wait", about: "Pending: no syncer has them yet. Unfinished: a syncer has them, or they wait to be tried again.", unit: "short",
					queries: []query{
						{aTarget("odasync_stream_pending_messages", s), "pending {{job}}"},
						{aTarget("odasync_stream_ack_pending_messages", s), "unfinished {{job}}"},
					}},
			}},
			{"What flows?", 8, []panel{
				{title: "Changes published", about: "By the leading watcher, each second.", unit: "cps",
					queries: []query{{rate("odasync_events_published_total", w, "type"), "{{type}}"}}},
				{title: "Messages handled", about: "By the syncers, each second, by what became of them.", unit: "cps",
					queries: []query{{rate("odasync_events_handled_total", s, "outcome"), "{{outcome}}"}}},
				{title: "Failures", about: "What the registry did not take, each second, by the class of the failure. Those of down, busy, refused and moved are tried again for ever.", unit: "cps",
					queries: []query{{rate("odasync_apply_failures_total", s, "class"), "{{class}}"}}},
			}},
			{"What is mended?", 8, []panel{
				{title: "Corrections of full syncs", about: "What the watch had not brought, each second.", unit: "cps",
					queries: []query{{rate("odasync_full_sync_corrections_total", w, "type"), "{{type}}"}}},
				{title: "Drift of the registry", about: "Entries that a reconcile found not to be as the stream wants them, each second.", unit: "cps",
					queries: []query{{rate("odasync_drift_total", s, "problem"), "{{problem}}"}}},
				{title: "Age of the last full sync", about: "Of the leading watcher, beside the interval that is configured.", unit: "s",
					queries: []query{
						{"max by (namespace, job) (odasync_full_sync_age_seconds" + w + ")", "age {{job}}"},
						{"max by (namespace, job) (odasync_full_sync_interval_seconds" + w + ")", "interval {{job}}"},
					}},
			}},
			{"What is there?", 7, []panel{
				{title: "Readiness", about: "1 for what a process needs and has, 0 for what it lacks.", unit: "short",
					queries: []query{{"min by (instance, check) (odasync_ready" + both + ")", "{{instance}} {{check}}"}}},
				{title: "Memory", about: "What the processes have of the machine's memory.", unit: "bytes",
					queries: []query{{"process_resident_memory_bytes" + both, "{{instance}}"}}},
				{title: "CPU", about: "Cores that the processes keep busy.", unit: "short",
					queries: []query{{"sum by (instance) (rate(process_cpu_seconds_total" + both + "[$__rate_interval]))", "{{instance}}"}}},
			}},
		},
	}
}
