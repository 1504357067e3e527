// Dashboards writes the Grafana dashboards of the chart: one overview, one for each process. Usage:
//
//	go run ./test/dashboards deploy/chart/files/dashboards
//
// Queries stand in overview.go, watcher.go and syncer.go; a selection of clusters or targets is turned into one of
// instances by the variables, so that every query needs nothing but its own metrics. The test here compares the files with
// what would be written; test/observability asks a real Prometheus every query.
package main
