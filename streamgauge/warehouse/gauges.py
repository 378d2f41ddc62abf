"""The gauges of the catalog's views: figures that need a query, asked for now and then and served from memory.

A view that cannot be read in time, or fails, has no figures until it can: a gauge that is not known is absent.
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
    """One object a warehouse. `follow` asks from a thread of its own, with a cursor of its own."""

    def __init__(self, views: Sequence[View], registry: CollectorRegistry = REGISTRY) -> None:
        self._views = [one for one in views if one.gauges]
        self._rows: dict[str, list[tuple[object, ...]]] = {}
        self._failed: set[str] = set()
        if self._views:
            registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: the registry would otherwise ask for figures at registration."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the last reading gave."""
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
        """Ask for every figure once; blocks for at most about `timeout_s` a view."""
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
                    log.warning("the gauges of view `%s` are not known: %s", one.name, str(error).splitlines()[0])
            finally:
                timer.cancel()
                cursor.close()

    def follow(self, running: Process, db: duckdb.DuckDBPyConnection) -> threading.Thread | None:
        """Read again and again until the process stops; the caller joins the thread before it closes `db`."""
        if not self._views:
            return None

        def loop() -> None:
            while not running.stop.wait(running.settings.gauge_interval_s):
                self.read(db, running.settings.sql_timeout_s)

        thread = threading.Thread(target=loop, name="gauges", daemon=True)
        thread.start()
        return thread
