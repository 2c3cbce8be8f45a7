"""The Grafana dashboards as a program: `make dashboards` writes them into the chart's folder as JSON."""
