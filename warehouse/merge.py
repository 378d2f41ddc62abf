"""Merge rules: how a model's deltas go into its table. Each runs inside the caller's transaction."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from catalog.model import Model
from warehouse.schema import latest_tables, newest_versions

_AGGREGATE = {"add": "sum", "min": "min", "max": "max"}


def merge(db: duckdb.DuckDBPyConnection, model: Model, deltas: pa.Table) -> None:
    """Merge delta rows; columns are matched by name, and those a delta lacks take the table's default."""
    columns = [name for name in deltas.column_names if name in model.columns]
    db.register("deltas", deltas.select(columns))
    try:
        if model.merge == "window":
            _window(db, model, columns)
        else:
            target = f'main."{model.name}"' if model.merge == "append" else latest_tables(model)[1]
            db.execute(f"INSERT INTO {target} BY NAME SELECT * FROM deltas")
    finally:
        db.unregister("deltas")


def _window(db: duckdb.DuckDBPyConnection, model: Model, columns: list[str]) -> None:
    """Add to the windows. Deltas are aggregated by key first: two rows of one key in one statement would lose one."""
    key = ", ".join(f'"{name}"' for name in model.key)
    measures = [name for name in columns if name not in model.key]
    summed = ", ".join(
        f'CAST({_AGGREGATE[model.merged(name)]}("{name}") AS {model.columns[name]}) AS "{name}"' for name in measures
    )
    # Where a dimension may be absent, absent is a value of its own.
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


def compact(db: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Fold a latest model's versions into its base; readers see no difference."""
    base, versions = latest_tables(model)
    same = " AND ".join(f'b."{part}" IS NOT DISTINCT FROM v."{part}"' for part in model.key)
    db.execute(f"CREATE OR REPLACE TEMP TABLE newest AS {newest_versions(model)}")
    db.execute(f"DELETE FROM {base} b USING newest v WHERE {same} AND b.kafka_offset < v.kafka_offset")
    db.execute(
        f"INSERT INTO {base} BY NAME SELECT * FROM newest v WHERE NOT EXISTS (SELECT 1 FROM {base} b WHERE {same})"
    )
    db.execute(f"DELETE FROM {versions}")
    db.execute("DROP TABLE newest")
