"""Models over a batch: each model's SELECT runs in an in-memory DuckDB and gives its delta as an Arrow table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import Model
from streamgauge.runtime.errors import FatalError


class Models:
    """The models of a catalog, ready to run. No state is kept between batches."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # One thread: a batch is small, and the second core is for the warehouse.
        self._db = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
        self._db.execute("SET GLOBAL TimeZone = 'UTC'; SET preserve_insertion_order = true")

    def deltas(self, batch: Mapping[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
        """Name and delta of each model that has rows, given each relation's rows by stream (and `*`, `dead_letters`).

        Raises `FatalError` when a model cannot be computed.
        """
        for stream, events in batch.items():
            if not events.num_rows:
                continue
            self._db.register("events", events)
            for model in self._catalog.models_of(stream):
                delta = self._run(model, events)
                if delta.num_rows:
                    yield model.name, delta
            self._db.unregister("events")

    def _run(self, model: Model, events: pa.Table) -> pa.Table:
        """The model's delta: columns passed through from the batch as they are, the others computed by DuckDB."""
        if not model.passthrough:
            return self._query(model, model.delta_sql)
        computed = {}
        if model.computed:
            names = ", ".join(f'"{name}"' for name in model.computed)
            rows = self._query(model, f"SELECT {names} FROM ({model.delta_sql})")  # noqa: S608 - a checked model
            computed = dict(zip(model.computed, rows.columns, strict=True))
        columns = [computed[name] if name in computed else events[model.passthrough[name]] for name in model.selected]
        return pa.table(columns, names=list(model.selected))

    def _query(self, model: Model, sql: str) -> pa.Table:
        try:
            return self._db.execute(sql).to_arrow_table()
        except duckdb.Error as error:
            # Models were checked at start and fields are bounded: what fails here fails at every attempt.
            raise FatalError(f"model `{model.name}` cannot be computed: {str(error).splitlines()[0]}") from error
