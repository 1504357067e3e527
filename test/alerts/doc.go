// Package alerts tests the alerts of deploy/chart/files/alerts.yaml. cases.yaml has the cases for `promtool test rules`, which
// deploy/lint.sh runs. The tests check that each alert has a case that fires and one that does not, a severity, numbers in its
// description, and a runbook whose commands exist.
package alerts
