package main

func syncers() board {
	s := chosen("$instance")
	each := "{{instance}}"
	return board{
		name: "syncer", title: "odasync / Syncer",
		about:     "From the stream to the registry.",
		variables: []variable{namespace, target, ofTarget("instance", false)},
		rows: []row{
			{"Messages", 8, []panel{
				{title: "Waiting", about: "Pending: no syncer has them yet. Unfinished: a syncer has them, or they wait to be tried again.", unit: "short",
					queries: []query{
						{aTarget("odasync_stream_pending_messages", s), "pending {{job}}"},
						{aTarget("odasync_stream_ack_pending_messages", s), "unfinished {{job}}"},
					}},
				{title: "Oldest", about: "Age of the oldest message without an outcome.", unit: "s", steps: limit(60, 600),
					queries: []query{{aTarget("odasync_stream_oldest_unacked_age_seconds", s), "{{job}}"}}},
				{title: "Handled", about: "Messages each second, by what became of them.", unit: "cps",
					queries: []query{{rate("odasync_events_handled_total", s, "outcome"), "{{outcome}}"}}},
				{title: "From the cluster to the registry", about: "Time that 19 of 20 changes took from the watcher's sight of them to the registry's answer.", unit: "s", steps: limit(10, 60),
					queries: []query{{quantile("0.95", "odasync_end_to_end_seconds", s, "instance"), each}}},
			}},
			{"Applies", 8, []panel{
				{title: "Duration of attempts", about: "Time that 19 of 20 attempts took, by how they ended.", unit: "s",
					queries: []query{{quantile("0.95", "odasync_apply_duration_seconds", s, "outcome"), "{{outcome}}"}}},
				{title: "Duration of Components", about: "Time to bring one Component into the registry, waits after a race included.", unit: "s",
					queries: []query{
						{quantile("0.5", "oda_collector_sync_duration_seconds", s, ""), "half"},
						{quantile("0.95", "oda_collector_sync_duration_seconds", s, ""), "19 of 20"},
					}},
				{title: "Components and APIs", about: "Attempts to bring Components into the registry, and their APIs, each second.", unit: "cps",
					queries: []query{
						{rate("oda_collector_components_total", s, "status"), "Components, {{status}}"},
						{rate("oda_collector_apis_total", s, "status"), "APIs, {{status}}"},
					}},
				{title: "At a time", about: "Components that are applied now, and how many may be: fewer when the registry slows down.", unit: "short",
					queries: []query{{"odasync_concurrency_in_flight" + s, "now " + each}, {"odasync_concurrency_limit" + s, "limit " + each}}},
			}},
			{"Failures", 8, []panel{
				{title: "By class", about: "What the registry did not take, each second.", unit: "cps",
					queries: []query{{rate("odasync_apply_failures_total", s, "class"), "{{class}}"}}},
				{title: "Circuit breaker", about: "1 while messages flow, 0 while the registry is away or being tried.", unit: "short",
					queries: []query{{"odasync_breaker_state" + chosen("$instance", `state="closed"`), each}}},
				{title: "Probes", about: "Of a registry that failed before, each second.", unit: "cps",
					queries: []query{{rate("odasync_registry_probes_total", s, "result"), "{{result}}"}}},
				{title: "Dead letters", about: "Components that have one, and those written each second by their reason.", unit: "short",
					queries: []query{
						{aTarget("odasync_dead_letters", s), "present {{job}}"},
						{rate("odasync_dead_letters_total", s, "reason"), "written, {{reason}}"},
					}},
			}},
			{"Replicas", 7, []panel{
				{title: "Claims lost and races", about: "Work that was interrupted, or that another replica may have crossed, and that was done again; each second.", unit: "cps",
					queries: []query{
						{rate("odasync_claims_lost_total", s, "instance"), "claims lost " + each},
						{rate("odasync_apply_conflicts_total", s, "instance"), "races " + each},
					}},
				{title: "Readiness", about: "1 for what a syncer needs and has, 0 for what it lacks.", unit: "short",
					queries: []query{{"odasync_ready" + s, each + " {{check}}"}}},
			}},
			{"Reconcile", 8, []panel{
				{title: "Reconciles", about: "Comparisons of the registry with the stream within an hour, by how they ended.", unit: "short",
					queries: []query{{"sum by (result) (increase(odasync_reconciles_total" + s + "[1h]))", "{{result}}"}}},
				{title: "Duration", about: "Of the last reconcile of each syncer.", unit: "s", queries: []query{{"odasync_reconcile_duration_seconds" + s, each}}},
				{title: "Drift", about: "Entries each second that were not as the stream wants them.", unit: "cps",
					queries: []query{{rate("odasync_drift_total", s, "problem"), "{{problem}}"}}},
				{title: "Orphans", about: "Entries that the stream did not want, and those of them that wait to be approved, in the last reconcile of each syncer.", unit: "short",
					queries: []query{{"odasync_orphans" + s, "found " + each}, {"odasync_orphans_pending_approval" + s, "held " + each}}},
			}},
			{"Registry", 8, []panel{
				{title: "Requests", about: "Each second, by the status of the answer; error is none.", unit: "cps",
					queries: []query{{rate("oda_collector_registry_api_calls_total", s, "status"), "{{status}}"}}},
				{title: "Requests by path", about: "Each second.", unit: "cps",
					queries: []query{{rate("oda_collector_registry_api_calls_total", s, "method, endpoint"), "{{method}} {{endpoint}}"}}},
				{title: "Duration by path", about: "Time that 99 of 100 requests took.", unit: "s", steps: limit(1, 5),
					queries: []query{{quantile("0.99", "odasync_registry_request_duration_seconds", s, "method, endpoint"), "{{method}} {{endpoint}}"}}},
			}},
			runtime(s),
		},
	}
}
