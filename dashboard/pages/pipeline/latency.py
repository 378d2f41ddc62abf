"""Latency percentiles, from the histogram that windows keep. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

# Histogram columns and their upper bounds in ms; beyond the last one the latency is unknown.
BOUNDS_MS = {"le_100": 100, "le_250": 250, "le_500": 500, "le_1000": 1_000, "le_5000": 5_000, "le_60000": 60_000}
SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def percentile(row: Mapping[str, Any], share: float) -> float | None:
    """Latency in ms within which `share` of the events were processed; at most the last bound. None without events.

    Events are assumed to be spread evenly within a bucket, as in Prometheus; the error is at most one bucket.
    """
    if not row["events"]:
        return None
    rank = share * row["events"]
    known = [(0, 0), *((bound, row[name]) for name, bound in BOUNDS_MS.items())]
    for (low, below), (high, upto) in pairwise(known):
        if upto >= rank:
            return float(high) if upto == below else low + (high - low) * (rank - below) / (upto - below)
    return float(known[-1][0])


def total(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The histogram of several buckets together."""
    kept = list(rows)
    return {name: sum(row[name] for row in kept) for name in ("events", *BOUNDS_MS)}


def shown(ms: float | None) -> str:
    """`180 ms`, `2.4 s`, `> 60 s`."""
    if ms is None:
        return "–"
    if ms >= BOUNDS_MS["le_60000"]:
        return "> 60 s"
    return f"{ms:,.0f} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s"
