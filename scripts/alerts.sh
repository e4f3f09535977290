#!/usr/bin/env bash
# Holds docs/alerts.yaml and docs/grafana-dashboard.json against the metrics that a real
# daemon exports, with Prometheus' own query engine. Where promtool is installed (Debian's
# package prometheus has it), it reads the rules too.
set -euo pipefail
cd "$(dirname "$0")/.."

(cd tools/alerts && go mod tidy -diff && go vet ./... && go test -count=1 ./...)

if command -v promtool >/dev/null; then
	promtool check rules docs/alerts.yaml
else
	echo "promtool is not installed: it has not read docs/alerts.yaml"
fi
