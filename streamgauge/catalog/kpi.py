"""KPI counters: a window model's header opts measures and dimensions of its table into Prometheus.

    -- metrics: orders, revenue_cents by region, channel

gives `streamgauge_kpi_<model>_<measure>_total{region, channel}` for each measure named. The warehouse counts while it
merges (warehouse/kpis.py); dimensions of the table that are not named are summed up. A counter only rises, so measures
must be of those that are added, and their dimensions few: never ids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamgauge.runtime.metric import Metric

if TYPE_CHECKING:
    from streamgauge.catalog.model import Model

_WORD = re.compile(r"^[a-z][a-z0-9_]*$")
# What every series carries from its target (docs/prometheus.md), and what histograms and summaries use.
RESERVED = frozenset({"job", "instance", "process", "le", "quantile"})


@dataclass(frozen=True)
class Kpis:
    """What a header opts in: `measures` to count, each by the dimensions `by`."""

    measures: tuple[str, ...]
    by: tuple[str, ...]


def parse(text: str, key: Collection[str], columns: Mapping[str, str]) -> Kpis:
    """Read `measure, … by dimension, …` against a window's key and columns (`by …` may be left out).

    Raises `ValueError` with what is wrong, to be given file and line.
    """
    named, _, by = re.sub(r"\s+", " ", text).strip().partition(" by ")
    measures, dimensions = _names(named), _names(by) if by else ()
    known = [name for name in columns if name not in key]
    for name in measures:
        if name not in known:
            raise ValueError(f"`{name}` is no measure; there are: {', '.join(known)}")
        if name[:4] in ("min_", "max_"):
            raise ValueError(f"`{name}` is not added up, and a counter is nothing else")
    known = [name for name in key if name != "window_start"]
    for name in dimensions:
        if name not in known:
            raise ValueError(f"`{name}` is no dimension; there are: {', '.join(known) or 'none'}")
        if name in RESERVED:
            raise ValueError(f"`{name}` is a label of Prometheus's own; select it under another name")
    return Kpis(measures, dimensions)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not _WORD.match(name):
            raise ValueError(f"write `measure, … by dimension, …` with lower_case names; `{name}` is none")
    if len(set(names)) < len(names):
        raise ValueError("a name is given twice")
    return names


def metric(model: str, measure: str, by: tuple[str, ...]) -> Metric:
    """The counter of one measure of a model."""
    meaning = f"Table `{model}`, measure `{measure}`, added up as it is merged."
    return Metric(f"streamgauge_kpi_{model}_{measure}_total", "counter", meaning, "warehouse", by)


def metrics(models: Iterable[Model]) -> tuple[Metric, ...]:
    """Every KPI counter of a catalog's models. Raises `ValueError` where two would have one name."""
    found: dict[str, Metric] = {}
    for model in models:
        if model.kpis is None:
            continue
        for measure in model.kpis.measures:
            made = metric(model.name, measure, model.kpis.by)
            if made.name in found:
                raise ValueError(f"model `{model.name}`: another model's header makes the metric {made.name} too")
            found[made.name] = made
    return tuple(found.values())
