package main

func watchers() board {
	w := chosen("$instance")
	each := "{{instance}}"
	return board{
		name: "watcher", title: "odasync / Watcher",
		about:     "Watchers: from the cluster to the stream.",
		variables: []variable{namespace, cluster, ofCluster("instance", false)},
		rows: []row{
			{"Lead", 7, []panel{
				{title: "Leader", about: "1: leads. 0: standby, which does not watch.", unit: "short",
					queries: []query{{"odasync_leader" + w, each}}},
				{title: "Components", about: "Components of the cluster that are published to the stream.", unit: "short",
					queries: []query{{"sum by (namespace, job) (oda_collector_components_current" + w + ")", "{{job}}"}}},
				{title: "Readiness", about: "Readiness checks: 1 passes, 0 fails.", unit: "short",
					queries: []query{{"odasync_ready" + w, each + " {{check}}"}}},
			}},
			{"Watch", 8, []panel{
				{title: "Watch age", about: "Time since the API server last sent something, of the most silent watch. Bookmarks arrive about once a minute; after three minutes the watcher reconnects.", unit: "s", steps: limit(180, 300),
					queries: []query{{"odasync_watch_age_seconds" + w, each}}},
				{title: "Kubernetes events", about: "Events a second from watches and lists, by type.", unit: "cps",
					queries: []query{{rate("oda_collector_kubernetes_events_total", w, "event_type"), "{{event_type}}"}}},
				{title: "Watch restarts", about: "Ended watches a second, by reason. closed: regular time-out of the API server.", unit: "cps",
					queries: []query{{rate("odasync_watch_restarts_total", w, "reason"), "{{reason}}"}}},
			}},
			{"Publish", 8, []panel{
				{title: "Published", about: "Published events a second, by type.", unit: "cps",
					queries: []query{{rate("odasync_events_published_total", w, "type"), "{{type}}"}}},
				{title: "Not published", about: "Changes a second that leave the normalized component the same, and those replaced by a newer change before they were published.", unit: "cps",
					queries: []query{
						{"sum(rate(odasync_events_suppressed_total" + w + "[$__rate_interval]))", "unchanged"},
						{"sum(rate(odasync_events_collapsed_total" + w + "[$__rate_interval]))", "replaced"},
					}},
				{title: "Problems", about: "A second: publishes that are retried, publishes that found a newer message in the stream, Components that are malformed or too large.", unit: "cps",
					queries: []query{
						{"sum(rate(odasync_publish_retries_total" + w + "[$__rate_interval]))", "retried"},
						{"sum(rate(odasync_publish_conflicts_total" + w + "[$__rate_interval]))", "conflict"},
						{"sum(rate(odasync_components_malformed_total" + w + "[$__rate_interval]))", "malformed"},
						{"sum(rate(odasync_events_too_large_total" + w + "[$__rate_interval]))", "too large"},
					}},
			}},
			{"Full sync", 8, []panel{
				{title: "Age", about: "Time since the last full sync, and the configured interval.", unit: "s",
					queries: []query{
						{"odasync_full_sync_age_seconds" + w, "age " + each},
						{"max by (namespace, job) (odasync_full_sync_interval_seconds" + w + ")", "interval"},
					}},
				{title: "Duration", about: "Duration of the last full sync.", unit: "s", queries: []query{{"odasync_full_sync_duration_seconds" + w, each}}},
				{title: "Corrections", about: "Differences a second that full syncs find because the watch did not deliver them.", unit: "cps",
					queries: []query{{rate("odasync_full_sync_corrections_total", w, "type"), "{{type}}"}}},
				{title: "Deletions", about: "Deletions that are pending approval, and tombstones purged a second after their retention.", unit: "short",
					queries: []query{
						{"odasync_deletions_pending_approval" + w + " * odasync_leader" + w, "pending approval " + each},
						{"sum(rate(odasync_tombstones_purged_total" + w + "[$__rate_interval]))", "purged"},
					}},
			}},
			runtime(w),
		},
	}
}
