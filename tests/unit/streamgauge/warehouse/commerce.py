"""The commerce catalog's tables and views in a real DuckDB file, filled with hand-made events through its models."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.deltas.provenance import InputOffsets, Lost
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql.query_service import QueryService
from streamgauge.warehouse.store import Store, connect

ENVELOPE = {"source": "test", "schema_version": 1}


class Commerce:
    """`publish` adds an event, `flush` merges the new ones, `select` flushes and queries."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self._catalog = _catalog()
        self._db = connect(self.settings)
        self._store = Store(self._db, self._catalog, "c")
        self._numbers = count(1)
        self._pending: dict[str, list[dict[str, Any]]] = {}

    def publish(self, event_type: str, at: datetime, **fields: Any) -> dict[str, Any]:
        """Publish one event to the stream of its type; returns it, for `republish`."""
        stream = next(name for name, one in self._catalog.streams.items() if event_type in _types(one.event))
        event = {"event_id": f"e{next(self._numbers)}", "event_type": event_type, "occurred_at": at, **ENVELOPE}
        self._pending.setdefault(stream, []).append({**event, **fields})
        return {"stream": stream, **event, **fields}

    def republish(self, event: dict[str, Any]) -> None:
        """The same event once more, as from a producer that is not idempotent."""
        self._pending.setdefault(event["stream"], []).append({k: v for k, v in event.items() if k != "stream"})

    def flush(self) -> None:
        """Merge what was published since the last flush."""
        merged = {}
        for stream, events in self._pending.items():
            first = next(self._numbers)
            rows = [
                {
                    "kafka_partition": 0,
                    "kafka_offset": first * 10_000 + n,
                    "kafka_timestamp": event["occurred_at"],
                    "arrived_at": event["occurred_at"],
                    **event,
                }
                for n, event in enumerate(events)
            ]
            table = pa.Table.from_pylist(rows, schema=self._catalog.streams[stream].schema)
            with duckdb.connect(":memory:") as batch:
                batch.execute("SET TimeZone = 'UTC'")
                batch.register("events", table)
                for model in self._catalog.models_of(stream):
                    merged[model.name] = batch.execute(model.delta_sql).to_arrow_table()
        self._pending = {}
        self._store.merge(merged, {0: next(self._numbers)})

    def add(self, table: str, **row: Any) -> None:
        """Merge one row into a table over all streams, such as `stream_windows`; other columns are 0 or NULL."""
        model = next(one for one in self._catalog.models if one.name == table)
        absent = {name: 0 if kind in ("BIGINT", "HUGEINT") else None for name, kind in model.columns.items()}
        names = ", ".join(f'?::{kind} AS "{name}"' for name, kind in model.columns.items())
        with duckdb.connect(":memory:") as batch:
            batch.execute("SET TimeZone = 'UTC'")
            delta = batch.execute(f"SELECT {names}", list({**absent, **row}.values())).to_arrow_table()
        self._store.merge({table: delta}, {0: next(self._numbers)})

    def lose(self, lost: Lost) -> None:
        """Merge what retention deleted before analytics read it."""
        self._store.merge({}, {0: next(self._numbers)}, [InputOffsets("m", {}, {}, [lost])])

    def query_service(self) -> QueryService:
        """The warehouse process's query service over these tables, with guard and limits."""
        if self._pending:
            self.flush()
        return QueryService(self._db, self.settings, self._catalog)

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        if self._pending:
            self.flush()
        return self._db.execute(sql).fetchall()


def _catalog() -> Catalog:
    return loader.load("streamgauge.catalog.commerce")


def _types(event: Any) -> tuple[str, ...]:
    return tuple(event.__annotations__["event_type"].__args__)
