"""Gauges of the catalog's views: queried at an interval, and served to Prometheus from memory.

A view whose query fails or takes too long has no gauges until it succeeds: an unknown gauge is absent, not 0.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import duckdb
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from streamgauge.catalog import view
from streamgauge.catalog.view import View
from streamgauge.runtime.process import Process

log = logging.getLogger("streamgauge")


class Gauges(Collector):
    """Prometheus collector; `follow` queries the views from a thread with its own cursor."""

    def __init__(self, views: Sequence[View], registry: CollectorRegistry = REGISTRY) -> None:
        self._views = [one for one in views if one.gauges]
        self._rows: dict[str, list[tuple[object, ...]]] = {}
        self._failed: set[str] = set()
        if self._views:
            registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that registering does not collect."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as of the last query of each view."""
        for one in self._views:
            if one.gauges is None:
                continue
            by = one.gauges.by
            rows = self._rows.get(one.name, [])
            for at, measure in enumerate(one.gauges.measures, len(by)):
                entry = view.metric(one.name, measure, by)
                family = GaugeMetricFamily(entry.name, entry.help, labels=by)
                for row in rows:
                    figure = row[at]
                    if isinstance(figure, float):
                        labels = ["" if value is None else str(value) for value in row[: len(by)]]
                        family.add_metric(labels, figure)
                yield family

    def read(self, db: duckdb.DuckDBPyConnection, timeout_s: float) -> None:
        """Query every view once; blocks for at most about `timeout_s` per view."""
        for one in self._views:
            cursor = db.cursor()
            timer = threading.Timer(timeout_s, cursor.interrupt)
            timer.daemon = True
            timer.start()
            try:
                self._rows[one.name] = cursor.execute(one.gauge_sql).fetchall()
                self._failed.discard(one.name)
            except duckdb.Error as error:
                self._rows.pop(one.name, None)
                if one.name not in self._failed:
                    self._failed.add(one.name)
                    log.warning("the gauges of view `%s` are unknown: %s", one.name, str(error).splitlines()[0])
            finally:
                timer.cancel()
                cursor.close()

    def follow(self, running: Process, db: duckdb.DuckDBPyConnection) -> threading.Thread | None:
        """Query at the setting's interval until the process stops; join the returned thread before closing `db`."""
        if not self._views:
            return None

        def loop() -> None:
            while not running.stop.wait(running.settings.gauge_interval_s):
                self.read(db, running.settings.sql_timeout_s)

        thread = threading.Thread(target=loop, name="gauges", daemon=True)
        thread.start()
        return thread
