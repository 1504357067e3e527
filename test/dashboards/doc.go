// Command dashboards writes the Grafana dashboards of the chart: one overview, one for each process. Usage:
//
//	go run ./test/dashboards deploy/chart/files/dashboards
//
// The queries are in overview.go, watcher.go and syncer.go. Variables map the selected clusters or targets to instances, so that a
// query needs no other metrics than its own. The test compares the files with the generated ones; test/observability evaluates
// every query in a real Prometheus.
package main
