// Package alerts looks after the alerts of deploy/chart/files/alerts.yaml: cases.yaml has cases for `promtool test rules`,
// which deploy/lint.sh runs, and the tests here see to it that each alert has a case that fires and one that does not, a
// severity, numbers in its description, and a runbook whose commands exist.
package alerts
