"""Where things are: what dashboards, alerts and runbooks link to. Change them here, then `make grafana`.

The addresses are those of the Compose stack; the Streamlit address is also a variable of every dashboard, which one
can change there without generating anything.
"""

from __future__ import annotations

GRAFANA = "http://localhost:3000"
PAGES = "http://localhost:8501"
# deploy/grafana/provisioning has the data source with this uid, and the folder that both dashboards and alerts are in.
DATASOURCE = "prometheus"
FOLDER = "Streamgauge"
# The scrape job of deploy/prometheus, and its interval: rates over less than four scrapes have holes.
JOB = "streamgauge"
SCRAPE_S = 5

# Whose KPI counters the commerce dashboard and the business alerts ask for.
CATALOG = "streamgauge.catalog.commerce"

OVERVIEW = "streamgauge-overview"
LAG = "streamgauge-lag"
FAILURES = "streamgauge-failures"
COMMERCE = "streamgauge-commerce"
INTERNALS = "streamgauge-internals"
RUNBOOKS = "streamgauge-runbooks"
