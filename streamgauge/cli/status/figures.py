"""The few figures of each process that `streamgauge status` shows, read from its `/metrics`."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 1.0
# Counters by the name of their family, and what people call them. Labels are summed up.
FIGURES = {
    "streamgauge_generated_events": "events out",
    "streamgauge_events_in": "events in",
    "streamgauge_dead_letters": "dead letters",
    "streamgauge_transactions_aborted": "aborted transactions",
    "streamgauge_shop_answers": "answers",
    "streamgauge_service_events_out": "events out",
    "streamgauge_merged_rows": "rows merged",
    "streamgauge_sql_queries": "queries",
}


def read(address: str) -> str:
    """The figures of the process at `host:port` in one line; empty where it does not answer. Blocks 1 s at most."""
    try:
        text = httpx.get(f"http://{address}/metrics", timeout=TIMEOUT_S, trust_env=False).text
        families = [family for family in text_string_to_metric_families(text) if family.name in FIGURES]
    except (httpx.HTTPError, ValueError):
        return ""
    totals = {
        family.name: sum(sample.value for sample in family.samples if not sample.name.endswith("_created"))
        for family in families
    }
    return ", ".join(f"{totals[name]:,.0f} {words}" for name, words in FIGURES.items() if totals.get(name))
