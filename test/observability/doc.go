// Package observability has a real Prometheus scrape real watchers and syncers while a cluster changes and things break, and
// then asks it every query of the dashboards and every alert's expression: each is answered, each panel shows something, and
// what did break shows.
//
// It needs Prometheus in PATH, and fails without it: `apt-get install prometheus` on Debian. OBSERVABILITY_DURATION=2m works
// for longer than the 25 seconds of `make test`. The pictures in docs/images are made, with Chromium, by
//
//	OBSERVABILITY_DURATION=2m go test ./test/observability -screenshots docs/images
package observability
