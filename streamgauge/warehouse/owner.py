"""The owner of the DuckDB file: a process opens it, serves SQL from it, and merges what a source gives.

The source is the mode: deltas from the topic `analytics` (writer.py), or the events themselves (processors/embedded).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Protocol

from streamgauge.catalog.loader import Catalog
from streamgauge.runtime.process import Process
from streamgauge.warehouse import file_errors, swap
from streamgauge.warehouse.gauges import Gauges
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.sql.memory import MemoryWatch
from streamgauge.warehouse.store import Store, connect
from streamgauge.warehouse.tables import Tables

log = logging.getLogger("streamgauge")


class Source(Protocol):
    """Where rows come from: `open` once, `step` again and again, each one merge or a short wait, and `close`."""

    def open(self) -> bool:
        """Find where to read on; False where that cannot be told yet, and `step` tries again."""

    def step(self) -> None:
        """Merge what came next."""

    def close(self) -> None:
        """Stop reading; everything merged is in the file."""


def own(running: Process, catalog: Catalog, cluster_id: str, source: Callable[[Tables], Source]) -> None:
    """Own the file until the process stops, or a rebuilt file waits to take its place."""
    settings = running.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    swap.apply(settings, catalog.digest)
    with file_errors.one_line(settings):
        _work(running, catalog, cluster_id, source)
    if not running.stop.is_set():
        swap.restart()


def _work(running: Process, catalog: Catalog, cluster_id: str, make: Callable[[Tables], Source]) -> None:
    settings, rebuilt = running.settings, swap.prepared(running.settings, catalog.digest)
    db = connect(settings)
    source = make(Tables(settings, db, catalog, Store(db, catalog, cluster_id, settings.mode)))
    gauges = queries = None
    try:
        opened = source.open()
        gauges = Gauges(catalog.views).follow(running, db)
        with server.serve(running, db, catalog) as queries:
            MemoryWatch(db, queries.cut).follow(running.stop)
            if opened:
                running.ready()
            while not running.stop.is_set() and not rebuilt.exists():
                source.step()
                if (text := queries.deaf()) is not None:
                    # As after a kill -9, nothing is lost; only so does the query end, and others have their turn again.
                    log.error("a query ignores its end, the warehouse starts anew: %.300s", text)
                    swap.restart()
    finally:
        source.close()
        if queries is not None and queries.deaf(0.0) is not None:
            # It would keep the file and this process from closing; both end as by a kill -9.
            if error := sys.exc_info()[1]:
                log.error("warehouse: %s", error)
            log.warning("warehouse stopped, with a query that ignores its end")
            logging.shutdown()
            os._exit(0 if running.stop.is_set() else 1)
        if gauges and running.stop.is_set():
            # A cursor that is still reading would outlive its database. (A process that is replaced needs no care.)
            gauges.join(settings.sql_timeout_s)
        db.close()
