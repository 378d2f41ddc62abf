"""Addresses and ids that dashboards, alerts and runbooks refer to. Change them here, then run `make grafana`.

The addresses are those of the Compose stack; the Streamlit address is also a variable of every dashboard.
"""

from __future__ import annotations

GRAFANA = "http://localhost:3000"
PAGES = "http://localhost:8501"
# uid of the data source in deploy/grafana/provisioning, and the folder of dashboards and alerts.
DATASOURCE = "prometheus"
FOLDER = "Streamgauge"
# The scrape job of deploy/prometheus. It scrapes every 5 s; rates need a range of at least four scrapes.
JOB = "streamgauge"

# The catalog with the KPI counters of the commerce dashboard and the business alerts.
CATALOG = "streamgauge.catalog.commerce"

OVERVIEW = "streamgauge-overview"
LAG = "streamgauge-lag"
FAILURES = "streamgauge-failures"
COMMERCE = "streamgauge-commerce"
INTERNALS = "streamgauge-internals"
RUNBOOKS = "streamgauge-runbooks"
