// Package observability lets a real Prometheus scrape watchers and syncers during changes and faults, and then evaluates every query
// of the dashboards and every expression of the alerts: each returns data, and the alerts for the injected faults fire.
//
// It needs Prometheus in PATH, and fails without it: `apt-get install prometheus` on Debian. OBSERVABILITY_DURATION=2m runs longer
// than the 25 seconds of `make test`. The images in docs/images are made with Chromium:
//
//	OBSERVABILITY_DURATION=2m go test ./test/observability -screenshots docs/images
package observability
