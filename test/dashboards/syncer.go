package main

func syncers() board {
	s := chosen("$instance")
	each := "{{instance}}"
	return board{
		name: "syncer", title: "odasync / Syncer",
		about:     "Syncers: from the stream to the registry.",
		variables: []variable{namespace, target, ofTarget("instance", false)},
		rows: []row{
			{"Messages", 8, []panel{
				{title: "Backlog", about: "Pending: not delivered to a syncer yet. Ack pending: delivered, without an outcome yet, including those that wait for a retry. For an autoscaler: pending, while the registry is available.", unit: "short",
					queries: []query{
						{aTarget("odasync_stream_pending_messages", s), "pending {{job}}"},
						{aTarget("odasync_stream_ack_pending_messages", s), "ack pending {{job}}"},
						{aTarget("odasync_scaling_pending_messages", s), "for an autoscaler {{job}}"},
					}},
				{title: "Oldest unacknowledged", about: "Age of the oldest message without an outcome.", unit: "s", steps: limit(60, 600),
					queries: []query{{aTarget("odasync_stream_oldest_unacked_age_seconds", s), "{{job}}"}}},
				{title: "Handled messages", about: "Messages a second, by outcome.", unit: "cps",
					queries: []query{{rate("odasync_events_handled_total", s, "outcome"), "{{outcome}}"}}},
				{title: "End-to-end latency", about: "95th percentile of the time from the moment the watcher receives a change until the registry has it.", unit: "s", steps: limit(10, 60),
					queries: []query{{quantile("0.95", "odasync_end_to_end_seconds", s, "instance"), each}}},
			}},
			{"Applies", 8, []panel{
				{title: "Attempt duration", about: "95th percentile of the time of an attempt to apply a component, by outcome.", unit: "s",
					queries: []query{{quantile("0.95", "odasync_apply_duration_seconds", s, "outcome"), "{{outcome}}"}}},
				{title: "Component duration", about: "Time to apply one component, including waits after a conflict.", unit: "s",
					queries: []query{
						{quantile("0.5", "oda_collector_sync_duration_seconds", s, ""), "p50"},
						{quantile("0.95", "oda_collector_sync_duration_seconds", s, ""), "p95"},
					}},
				{title: "Components and APIs", about: "Attempts to apply components, and APIs of applied components, a second.", unit: "cps",
					queries: []query{
						{rate("oda_collector_components_total", s, "status"), "Components, {{status}}"},
						{rate("oda_collector_apis_total", s, "status"), "APIs, {{status}}"},
					}},
				{title: "Concurrency", about: "Components being written now, and the limit, which falls when the registry slows down.", unit: "short",
					queries: []query{{"odasync_concurrency_in_flight" + s, "in flight " + each}, {"odasync_concurrency_limit" + s, "limit " + each}}},
			}},
			{"Failures", 8, []panel{
				{title: "Failures by class", about: "Failed applies and deletions a second.", unit: "cps",
					queries: []query{{rate("odasync_apply_failures_total", s, "class"), "{{class}}"}}},
				{title: "Circuit breaker", about: "1: closed. 0: open or half open.", unit: "short",
					queries: []query{{"odasync_breaker_state" + chosen("$instance", `state="closed"`), each}}},
				{title: "Probes", about: "Probes a second of a registry that failed, by result.", unit: "cps",
					queries: []query{{rate("odasync_registry_probes_total", s, "result"), "{{result}}"}}},
				{title: "Dead letters", about: "Components with a dead letter, and dead letters written a second, by reason.", unit: "short",
					queries: []query{
						{aTarget("odasync_dead_letters", s), "current {{job}}"},
						{rate("odasync_dead_letters_total", s, "reason"), "written, {{reason}}"},
					}},
			}},
			{"Replicas", 7, []panel{
				{title: "Lost claims and conflicts", about: "Applies a second that lost their session, or that another replica may have overlapped. Both are repeated.", unit: "cps",
					queries: []query{
						{rate("odasync_claims_lost_total", s, "instance"), "lost claims " + each},
						{rate("odasync_apply_conflicts_total", s, "instance"), "conflicts " + each},
					}},
				{title: "Readiness", about: "Readiness checks: 1 passes, 0 fails.", unit: "short",
					queries: []query{{"odasync_ready" + s, each + " {{check}}"}}},
			}},
			{"Reconcile", 8, []panel{
				{title: "Reconciles", about: "Reconciles within an hour, by result, and the last ones in a row that found drift.", unit: "short",
					queries: []query{
						{"sum by (result) (increase(odasync_reconciles_total" + s + "[1h]))", "{{result}}"},
						{aTarget("odasync_drift_reconciles", s), "in a row with drift {{job}}"},
					}},
				{title: "Duration", about: "Duration of the last reconcile of each syncer.", unit: "s", queries: []query{{"odasync_reconcile_duration_seconds" + s, each}}},
				{title: "Drift", about: "Entries a second that reconciles find different from the stream, by problem.", unit: "cps",
					queries: []query{{rate("odasync_drift_total", s, "problem"), "{{problem}}"}}},
				{title: "Orphans", about: "Orphans that the last reconcile of each syncer found, and those whose deletion is pending approval.", unit: "short",
					queries: []query{{"odasync_orphans" + s, "found " + each}, {"odasync_orphans_pending_approval" + s, "pending approval " + each}}},
			}},
			{"Registry", 8, []panel{
				{title: "Requests", about: "Requests a second, by HTTP status; error: no response.", unit: "cps",
					queries: []query{{rate("oda_collector_registry_api_calls_total", s, "status"), "{{status}}"}}},
				{title: "Requests by path", about: "Requests a second, by method and path.", unit: "cps",
					queries: []query{{rate("oda_collector_registry_api_calls_total", s, "method, endpoint"), "{{method}} {{endpoint}}"}}},
				{title: "Duration by path", about: "99th percentile of the duration of a request.", unit: "s", steps: limit(1, 5),
					queries: []query{{quantile("0.99", "odasync_registry_request_duration_seconds", s, "method, endpoint"), "{{method}} {{endpoint}}"}}},
			}},
			runtime(s),
		},
	}
}
