"""Tables: merges deltas, and does what follows a merge: counters, freshness, compaction, retention."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.deltas.provenance import InputOffsets
from streamgauge.runtime import metrics
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.known_failures import Fingerprints
from streamgauge.warehouse.kpis import Kpis
from streamgauge.warehouse.store import Store


class Tables:
    """The tables of one file, for its one writer."""

    def __init__(self, settings: Settings, db: duckdb.DuckDBPyConnection, catalog: Catalog, store: Store) -> None:
        self._settings = settings
        self.store = store
        self._kpis = Kpis(catalog, settings.kpi_max_series)
        self._fingerprints = Fingerprints(db, catalog)
        self._newest: dict[str, float] = {}
        self._maintenance_due = 0.0

    def merge(
        self,
        deltas: Mapping[str, list[pa.Table]],
        written_ms: Mapping[str, list[int]],
        offsets: Mapping[int, int],
        read: Iterable[InputOffsets | None],
    ) -> None:
        """Merge deltas by model, with the positions that they reach, and count them; all or nothing (`Store.merge`)."""
        # During an upgrade replicas of two versions may send different columns; missing ones are null.
        tables = {model: pa.concat_tables(parts, promote_options="permissive") for model, parts in deltas.items()}
        with metrics.histogram("streamgauge_merge_seconds").time():
            self.store.merge(tables, offsets, read)
        self._kpis.count(deltas, written_ms, time.time())
        for model, parts in deltas.items():
            metrics.counter("streamgauge_merged_rows_total").labels(model).inc(tables[model].num_rows)
            metrics.counter("streamgauge_merged_deltas_total").inc(len(parts))
        if "dead_letters" in tables:
            self._fingerprints.count(tables["dead_letters"])
        if "stream_windows" in tables:
            self._update_freshness(tables["stream_windows"])
        self.store.compact()

    def _update_freshness(self, windows: pa.Table) -> None:
        """Remember the newest visible event time of each stream, for the freshness gauge."""
        for row in windows.select(["stream", "max_occurred_at"]).to_pylist():
            stream, newest = row["stream"], row["max_occurred_at"]
            if isinstance(newest, datetime):
                known = self._newest.setdefault(stream, 0.0)
                self._newest[stream] = max(known, newest.timestamp())
                freshness = metrics.gauge("streamgauge_freshness_seconds").labels(stream)
                freshness.set_function(partial(self._freshness, stream))

    def _freshness(self, stream: str) -> float:
        return max(0.0, time.time() - self._newest[stream])

    def maintain(self) -> bool:
        """Apply retention when it is time; whether it was."""
        if time.monotonic() < self._maintenance_due:
            return False
        self._maintenance_due = time.monotonic() + self._settings.retention_interval_s
        for table, rows in self.store.expire(self._settings).items():
            metrics.counter("streamgauge_rows_expired_total").labels(table).inc(rows)
        for table, rows in self.store.rows().items():
            metrics.gauge("streamgauge_warehouse_rows").labels(table).set(rows)
        metrics.gauge("streamgauge_warehouse_file_bytes").set(self._settings.warehouse_file.stat().st_size)
        return True
