"""KPI counters for Prometheus: the measures of windows, added up as they are merged (catalog/kpi.py defines them).

Deltas that were written to Kafka more than ten minutes ago are merged but not counted, so that a rebuild of the file,
or a long stop, does not look like a burst of business now. The tables are exact; the counters are for rates, panels and
alerts.

The number of series is bounded: beyond `kpi_max_series` label sets of a model, rows are counted with every dimension
`other`. That is logged once, and visible in `streamgauge_kpi_rows_total{outcome="other"}`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from streamgauge.catalog import kpi
from streamgauge.catalog.loader import Catalog
from streamgauge.runtime import metrics

MAX_AGE_MS = 600_000
OTHER = "other"
log = logging.getLogger("streamgauge")


class Kpis:
    """The KPI counters of a catalog, used by the thread that merges."""

    def __init__(self, catalog: Catalog, max_series: int, registry: CollectorRegistry = REGISTRY) -> None:
        self._models = {
            model.name: _Counted(model.name, model.kpis, max_series, registry)
            for model in catalog.models
            if model.kpis is not None
        }

    def count(
        self, deltas: Mapping[str, Sequence[pa.Table]], written_ms: Mapping[str, Sequence[int]], now_s: float
    ) -> None:
        """Count deltas that were just merged, by model name.

        `written_ms` has the time each of them was written to Kafka (ms since the epoch; 0 is unknown, and counted).
        Rows are first summed by the model's dimensions, so that the cost does not grow with the number of windows.
        """
        for name in self._models.keys() & deltas.keys():
            new, old = [], 0
            for rows, written in zip(deltas[name], written_ms[name], strict=True):
                if written and now_s * 1_000 - written > MAX_AGE_MS:
                    old += rows.num_rows
                else:
                    new.append(rows)
            metrics.counter("streamgauge_kpi_rows_total").labels(name, "old").inc(old)
            if new:
                self._models[name].add(pa.concat_tables(new, promote_options="default"))


class _Counted:
    """The counters of one model, and their label sets."""

    def __init__(self, model: str, kpis: kpi.Kpis, max_series: int, registry: CollectorRegistry) -> None:
        self._name, self._by, self._max = model, kpis.by, max_series
        self._counters = {}
        for measure in kpis.measures:
            entry = kpi.metric(model, measure, kpis.by)
            self._counters[measure] = Counter(entry.name, entry.help, entry.labels, registry=registry)
        self._known: set[tuple[str, ...]] = set()
        self._warned: set[str] = set()

    def add(self, rows: pa.Table) -> None:
        """Count one or more deltas. A replica of another version may lack a column: a missing dimension is empty."""
        by = [name for name in self._by if name in rows.column_names]
        measures = [name for name in self._counters if name in rows.column_names]
        sums: list[Any] = [(name, "sum") for name in measures]
        grouped = rows.group_by(by, use_threads=False).aggregate([*sums, ([], "count_all")])
        counted = folded = 0
        for row in grouped.to_pylist():
            labels = self._labels(tuple(_text(row.get(name)) for name in self._by))
            if labels in self._known:
                counted += row["count_all"]
            else:
                folded += row["count_all"]
            for measure in measures:
                self._increase(measure, labels, row[f"{measure}_sum"] or 0)
        metrics.counter("streamgauge_kpi_rows_total").labels(self._name, "counted").inc(counted)
        metrics.counter("streamgauge_kpi_rows_total").labels(self._name, OTHER).inc(folded)
        metrics.gauge("streamgauge_kpi_label_sets").labels(self._name).set(len(self._known))

    def _labels(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels to count under: these, or `other` for each when the model has no label set left."""
        if labels in self._known:
            return labels
        if len(self._known) < self._max:
            self._known.add(labels)
            return labels
        self._warn_once(
            f"the KPI counters of `{self._name}` have reached {self._max} label sets "
            f"(STREAMGAUGE_KPI_MAX_SERIES): further ones are counted as `{OTHER}`"
        )
        return (OTHER,) * len(self._by)

    def _increase(self, measure: str, labels: tuple[str, ...], value: Any) -> None:
        if value < 0:
            self._warn_once(
                f"measure `{measure}` of `{self._name}` decreased, which a counter cannot: decreases are not counted"
            )
            return
        counter = self._counters[measure]
        (counter.labels(*labels) if labels else counter).inc(float(value))

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            log.warning("%s", message)
            self._warned.add(message)


def _text(value: object) -> str:
    """A dimension's value as a label; NULL is the empty label, which Prometheus treats as absent."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
