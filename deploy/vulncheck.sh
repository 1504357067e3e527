#!/usr/bin/env bash
# Fails if the packages (default: those of the programs) call code with a known vulnerability. Where https://vuln.go.dev
# cannot be reached, nothing is checked, and a line says so. GOVULNDB is another database, which must be reachable; GOVULNCHECK
# is the govulncheck to use.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=("${GOVULNCHECK:-bin/tools/govulncheck}" ${GOVULNDB:+-db "$GOVULNDB"})

# A small package first: reading all of them takes a minute, even without a database.
if ! said=$("${tool[@]}" ./internal/component 2>&1) && [[ $said == *'fetching vulnerabilities'* ]]; then
  echo "vulncheck: SKIPPED, nothing was checked: ${said##*fetching vulnerabilities: }"
  exit 0
fi
exec "${tool[@]}" "${@:-./cmd/...}"
