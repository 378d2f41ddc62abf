"""Which processes of ours run here, from their run files, and what they say about themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile
from streamgauge.runtime.settings import Settings

# What is worth a line of a process: counter or gauge, and how people call it. Labels are summed up.
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


@dataclass(frozen=True)
class Found:
    """A process that runs; `why` says why it is not ready, and is empty when it is."""

    name: str
    pid: int
    port: int
    why: str = ""
    figures: str = ""

    @property
    def ready(self) -> bool:
        """Whether its `/health` says so."""
        return not self.why


def find(settings: Settings) -> list[Found]:
    """Ask every process with a run file in the data directory; those that are gone lose theirs. Blocks 2 s a process
    at most."""
    return [_ask(entry) for entry in run_file.living(settings.data_dir)]


def _ask(entry: RunFile) -> Found:
    name, pid, port = entry.name, entry.pid, int(entry.address.rpartition(":")[2])
    try:
        with httpx.Client(base_url=f"http://{entry.address}", timeout=1.0, trust_env=False) as client:
            health = client.get("/health").json()
            why = "" if health["status"] == "ready" else str(health["why"]) or "not ready"
            return Found(name, pid, port, why, _figures(client.get("/metrics").text))
    except (httpx.HTTPError, ValueError, KeyError):
        return Found(name, pid, port, f"does not answer on port {port}")


def _figures(text: str) -> str:
    totals = {
        family.name: sum(sample.value for sample in family.samples if not sample.name.endswith("_created"))
        for family in _families(text)
    }
    return ", ".join(f"{totals[name]:,.0f} {words}" for name, words in FIGURES.items() if totals.get(name))


def _families(text: str) -> Iterable[Metric]:
    return (family for family in text_string_to_metric_families(text) if family.name in FIGURES)
