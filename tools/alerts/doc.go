// Package alerts holds docs/alerts.yaml and docs/grafana-dashboard.json against the
// metrics that the daemon exports. It is a module of its own, so that Prometheus'
// query engine, which it asks, is no dependency of the program.
package alerts
