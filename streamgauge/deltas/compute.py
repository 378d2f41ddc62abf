"""Columns to deltas: run the models over a batch in an in-memory DuckDB, and write each delta as Arrow IPC messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import Model
from streamgauge.runtime.errors import FatalError


class Delta(NamedTuple):
    """One message for the topic `analytics`: an Arrow IPC stream of a model's rows."""

    model: str
    value: bytes
    rows: int


class Models:
    """The models of a catalog, ready to run. Keeps nothing between batches."""

    def __init__(self, catalog: Catalog, max_bytes: int) -> None:
        self._catalog = catalog
        self._max_bytes = max_bytes
        # One thread: a batch is small, and the second core belongs to the warehouse.
        self._db = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
        self._db.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")

    def deltas(self, batch: Mapping[str, pa.Table]) -> Iterator[Delta]:
        """Deltas of a batch, given each relation's rows by stream name (and `*`, `dead_letters`)."""
        for stream, events in batch.items():
            if not events.num_rows:
                continue
            self._db.register("events", events)
            for model in self._catalog.models_of(stream):
                yield from self._messages(model, self._run(model, events))
            self._db.unregister("events")

    def _run(self, model: Model, events: pa.Table) -> pa.Table:
        """The model's delta. What it takes from the batch as it is costs nothing; DuckDB computes the rest."""
        if not model.passed:
            return self._query(model, model.delta_sql)
        computed = {}
        if model.computed:
            names = ", ".join(f'"{name}"' for name in model.computed)
            rows = self._query(model, f"SELECT {names} FROM ({model.delta_sql})")  # noqa: S608 - a checked model
            computed = dict(zip(model.computed, rows.columns, strict=True))
        columns = [computed[name] if name in computed else events[model.passed[name]] for name in model.columns]
        return pa.table(columns, names=list(model.columns))

    def _query(self, model: Model, sql: str) -> pa.Table:
        try:
            return self._db.execute(sql).to_arrow_table()
        except duckdb.Error as error:
            # Models were checked at start and fields are bounded: what fails here fails again at every try.
            raise FatalError(f"model `{model.name}` cannot be computed: {str(error).splitlines()[0]}") from error

    def _messages(self, model: Model, rows: pa.Table) -> Iterator[Delta]:
        if not rows.num_rows:
            return
        per_message = max(1, self._max_bytes * rows.num_rows // max(1, rows.nbytes))
        for start in range(0, rows.num_rows, per_message):
            part = rows.slice(start, per_message).combine_chunks()
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, part.schema) as writer:
                writer.write_table(part)
            yield Delta(model.name, sink.getvalue().to_pybytes(), part.num_rows)
