"""KPI counters: the header of a window model exposes measures of its table as Prometheus counters.

    -- metrics: orders, revenue_cents by region, channel

gives `streamgauge_kpi_<model>_<measure>_total{region, channel}` for each measure named. The warehouse counts while it
merges (warehouse/kpis.py); dimensions of the table that are not named are summed up. A counter only rises, so only
measures that are added qualify, and dimensions must have few values: never ids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from streamgauge.runtime.metric import Metric

_WORD = re.compile(r"^[a-z][a-z0-9_]*$")
# Labels that every series gets from its target (docs/prometheus.md), and those of histograms and summaries.
RESERVED = frozenset({"job", "instance", "process", "le", "quantile"})


@dataclass(frozen=True)
class Kpis:
    """What a header exposes: `measures`, each by the dimensions `by`."""

    measures: tuple[str, ...]
    by: tuple[str, ...]


def parse(text: str, key: Collection[str], columns: Mapping[str, str]) -> Kpis:
    """Parse `measure, … by dimension, …` against a window's key and columns (`by …` may be left out).

    Raises `ValueError` with what is wrong; the caller adds file and line.
    """
    named, _, by = re.sub(r"\s+", " ", text).strip().partition(" by ")
    measures, dimensions = _names(named), _names(by) if by else ()
    known = [name for name in columns if name not in key]
    for name in measures:
        if name not in known:
            raise ValueError(f"`{name}` is not a measure; there are: {', '.join(known)}")
        if name[:4] in ("min_", "max_"):
            raise ValueError(f"`{name}` is not additive, and a counter must be")
    known = [name for name in key if name != "window_start"]
    for name in dimensions:
        if name not in known:
            raise ValueError(f"`{name}` is not a dimension; there are: {', '.join(known) or 'none'}")
        if name in RESERVED:
            raise ValueError(f"`{name}` is a label that Prometheus reserves; select it under another name")
    return Kpis(measures, dimensions)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not _WORD.match(name):
            raise ValueError(f"write `measure, … by dimension, …` with lower_case names; `{name}` is not one")
    if len(set(names)) < len(names):
        raise ValueError("a name is given twice")
    return names


def metric(model: str, measure: str, by: tuple[str, ...]) -> Metric:
    """The counter of one measure of a model."""
    meaning = f"Table `{model}`, measure `{measure}`, added up as it is merged."
    return Metric(f"streamgauge_kpi_{model}_{measure}_total", "counter", meaning, "warehouse", by)
