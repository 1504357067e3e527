package main

func watchers() board {
	w := chosen("$instance")
	each := "{{instance}}"
	return board{
		name: "watcher", title: "odasync / Watcher",
		about:     "From the cluster to the stream.",
		variables: []variable{namespace, cluster, ofCluster("instance", false)},
		rows: []row{
			{"Lead", 7, []panel{
				{title: "Who leads", about: "1 for the watcher that leads. The others stand by and watch nothing.", unit: "short",
					queries: []query{{"odasync_leader" + w, each}}},
				{title: "Components", about: "Components of the cluster that are published.", unit: "short",
					queries: []query{{"sum by (namespace, job) (oda_collector_components_current" + w + ")", "{{job}}"}}},
				{title: "Readiness", about: "1 for what a watcher needs and has, 0 for what it lacks.", unit: "short",
					queries: []query{{"odasync_ready" + w, each + " {{check}}"}}},
			}},
			{"Watch", 8, []panel{
				{title: "Since the API server was heard", about: "Of the watch that has heard nothing for longest. Bookmarks come about once a minute; after three minutes it reconnects.", unit: "s", steps: limit(180, 300),
					queries: []query{{"odasync_watch_age_seconds" + w, each}}},
				{title: "Events of the cluster", about: "What watches and lists brought, each second.", unit: "cps",
					queries: []query{{rate("oda_collector_kubernetes_events_total", w, "event_type"), "{{event_type}}"}}},
				{title: "Watches that ended", about: "Each second, by the reason. closed is the API server's ordinary time-out.", unit: "cps",
					queries: []query{{rate("odasync_watch_restarts_total", w, "reason"), "{{reason}}"}}},
			}},
			{"Publish", 8, []panel{
				{title: "Published", about: "Events, each second.", unit: "cps",
					queries: []query{{rate("odasync_events_published_total", w, "type"), "{{type}}"}}},
				{title: "Not published", about: "Changes each second that left what matters as it was, and those that a newer one replaced while they waited.", unit: "cps",
					queries: []query{
						{"sum(rate(odasync_events_suppressed_total" + w + "[$__rate_interval]))", "changed nothing"},
						{"sum(rate(odasync_events_collapsed_total" + w + "[$__rate_interval]))", "replaced by a newer one"},
					}},
				{title: "Trouble", about: "Each second: publishes that are tried again, that found another message in the stream, Components that cannot be read or are too large.", unit: "cps",
					queries: []query{
						{"sum(rate(odasync_publish_retries_total" + w + "[$__rate_interval]))", "tried again"},
						{"sum(rate(odasync_publish_conflicts_total" + w + "[$__rate_interval]))", "refused by the stream"},
						{"sum(rate(odasync_components_malformed_total" + w + "[$__rate_interval]))", "cannot be read"},
						{"sum(rate(odasync_events_too_large_total" + w + "[$__rate_interval]))", "too large"},
					}},
			}},
			{"Full sync", 8, []panel{
				{title: "Age", about: "Time since the last full sync, beside the interval that is configured.", unit: "s",
					queries: []query{
						{"odasync_full_sync_age_seconds" + w, "age " + each},
						{"max by (namespace, job) (odasync_full_sync_interval_seconds" + w + ")", "interval"},
					}},
				{title: "Duration", about: "How long the last full sync took.", unit: "s", queries: []query{{"odasync_full_sync_duration_seconds" + w, each}}},
				{title: "Corrections", about: "What the watch had not brought, each second.", unit: "cps",
					queries: []query{{rate("odasync_full_sync_corrections_total", w, "type"), "{{type}}"}}},
				{title: "Deletions", about: "Those that wait to be approved, and messages of deleted Components that were removed each second after their retention.", unit: "short",
					queries: []query{
						{"odasync_deletions_pending_approval" + w + " * odasync_leader" + w, "held " + each},
						{"sum(rate(odasync_tombstones_purged_total" + w + "[$__rate_interval]))", "removed each second"},
					}},
			}},
			runtime(w),
		},
	}
}
