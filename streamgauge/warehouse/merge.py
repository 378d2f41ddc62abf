"""Merge rules: how deltas of a model are applied to its table. Each runs inside the caller's transaction."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from streamgauge.catalog.model import SINCE, Model
from streamgauge.warehouse.schema import RUN, latest_rows, newer, newest, same_key

TOMBSTONES = 'internal."tombstones_rows"'
_AGGREGATE = {"add": "sum", "min": "min", "max": "max"}


def merge(db: duckdb.DuckDBPyConnection, model: Model, deltas: pa.Table, run: int = 0) -> None:
    """Merge delta rows into the model's table.

    Columns are matched by name: unknown ones are ignored, missing ones take the table's default. `run` is the current
    run of a latest model (`compact`).
    """
    columns = [name for name in deltas.column_names if name in model.columns]
    db.register("deltas", deltas.select(columns))
    try:
        if model.merge == "window":
            _window(db, model, columns)
        elif model.merge == "latest":
            # Where the broker knows no topic ids, there is one version of each offset.
            epoch = "TIMESTAMPTZ 'epoch'"
            since = f" REPLACE (coalesce({SINCE}, {epoch}) AS {SINCE})" if SINCE in columns else f", {epoch} AS {SINCE}"
            db.execute(f"INSERT INTO {latest_rows(model)} BY NAME SELECT {run} AS {RUN}, *{since} FROM deltas")
        else:
            db.execute(f'INSERT INTO main."{model.name}" BY NAME SELECT * FROM deltas')
    finally:
        db.unregister("deltas")


def _window(db: duckdb.DuckDBPyConnection, model: Model, columns: list[str]) -> None:
    """Upsert windows. Deltas are aggregated by key first: of two rows of one key in a MERGE, one would be lost."""
    key = ", ".join(f'"{name}"' for name in model.key)
    measures = [name for name in columns if name not in model.key]
    summed = ", ".join(
        f'CAST({_AGGREGATE[model.merged(name)]}("{name}") AS {model.columns[name]}) AS "{name}"' for name in measures
    )
    # A missing dimension is a value of its own.
    same = " AND ".join(
        f't."{name}" = d."{name}"' if name == "window_start" else f't."{name}" IS NOT DISTINCT FROM d."{name}"'
        for name in model.key
    )
    both = {"add": '"{0}" = t."{0}" + d."{0}"', "min": '"{0}" = least(t."{0}", d."{0}")'}
    both["max"] = both["min"].replace("least", "greatest")
    update = ", ".join(both[model.merged(name)].format(name) for name in measures)
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f'd."{name}"' for name in columns)
    db.execute(
        f'MERGE INTO main."{model.name}" t USING (SELECT {key}, {summed} FROM deltas GROUP BY {key}) d ON {same} '
        f"WHEN MATCHED THEN UPDATE SET {update} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
    )


def bury(db: duckdb.DuckDBPyConnection, model: Model, run: int | None = None) -> None:
    """Delete rows whose key has a newer tombstone; with `run` only those appended in it.

    An older version may arrive after its tombstone, in another replica's delta.
    """
    rows = latest_rows(model)
    recent = "" if run is None else f"{RUN} = {run} AND "
    db.execute(
        f"DELETE FROM {rows} WHERE {recent}rowid IN (SELECT r.rowid FROM {rows} r JOIN {TOMBSTONES} t "
        f"ON t.stream = '{model.stream}' AND t.key = CAST(r.\"{model.tombstone_key}\" AS VARCHAR) "
        f"AND {newer('t', 'r')})"
    )


def compact(db: duckdb.DuckDBPyConnection, model: Model, run: int) -> None:
    """Delete superseded rows of the keys that got a row in the current `run`; only the newest of each key stays.

    Rows are only deleted, never moved or rewritten.
    """
    rows = latest_rows(model)
    db.execute(
        f"DELETE FROM {rows} WHERE rowid IN (SELECT r.rowid FROM {rows} r "
        f"SEMI JOIN (SELECT * FROM {rows} WHERE {RUN} >= {run}) t ON {same_key(model.key, 'r', 't')} "
        f"QUALIFY NOT {newest(model)})"
    )
