"""Database schema from the catalog: tables are created or evolved, or the file is refused with what to do.

Schema `main` has what people query: a table for each window and append model, a view for each latest model, and the
catalog's views. Schema `internal` has input offsets, facts about the file, provenance, and the appended rows of each
latest model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import SINCE, VERSION, Model
from streamgauge.deltas import provenance
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import file_errors, story
from streamgauge.warehouse.rows import first

FILE_FORMAT = "4"
# Extra column of a latest model's rows: the run of merges that appended the row (`Store.compact` ends a run).
RUN = "run"


def ensure(db: duckdb.DuckDBPyConnection, catalog: Catalog, cluster_id: str, mode: str = "pipeline") -> None:
    """Create or evolve every table and view, in one transaction.

    Raises `UsageError` for a file of another cluster, catalog, mode or format, and for a model that no longer fits its
    table.
    """
    with file_errors.transaction(db):
        db.execute("CREATE SCHEMA IF NOT EXISTS internal")
        db.execute("CREATE TABLE IF NOT EXISTS internal.facts (name VARCHAR PRIMARY KEY, value VARCHAR)")
        db.execute(
            "CREATE TABLE IF NOT EXISTS internal.offsets "
            "(partition INTEGER PRIMARY KEY, next_offset BIGINT NOT NULL, merged_at TIMESTAMPTZ NOT NULL, "
            "topic_id VARCHAR NOT NULL)"
        )
        provenance.begin(db)
        for name, value, meaning in (
            ("file_format", FILE_FORMAT, "was written by another version of Streamgauge"),
            ("cluster_id", cluster_id, "belongs to another Kafka cluster"),
            ("catalog", catalog.name, "belongs to another catalog"),
            ("mode", mode, "was filled in another mode"),
        ):
            _fact(db, name, value, meaning)
        for model in catalog.models:
            if model.merge == "latest":
                _latest(db, model)
            else:
                _table(db, "main", model.name, model)
        _views(db, catalog)


def _views(db: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Recreate the catalog's views at each start, so that removed views and columns disappear."""
    latest = {model.name for model in catalog.models if model.merge == "latest"}
    there = db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'").fetchall()
    for (name,) in there:
        if name not in latest:
            db.execute(f'DROP VIEW main."{name}"')
    for view in catalog.views:
        db.execute(f'CREATE VIEW main."{view.name}" AS {view.sql}')
    if made := story.macro(catalog):
        db.execute(made)


def _fact(db: duckdb.DuckDBPyConnection, name: str, value: str, meaning: str) -> None:
    row = first(db, "SELECT value FROM internal.facts WHERE name = ?", [name])
    if row is None:
        db.execute("INSERT INTO internal.facts VALUES (?, ?)", [name, value])
    elif row[0] != value:
        raise UsageError(
            f"the warehouse file {meaning} ({name} {row[0]}, here {value}); "
            "move it away and it is rebuilt from the log, or set STREAMGAUGE_DATA_DIR to another folder"
        )


def _table(db: duckdb.DuckDBPyConnection, schema: str, table: str, model: Model) -> None:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in model.columns.items())
    db.execute(f'CREATE TABLE IF NOT EXISTS {schema}."{table}" ({columns})')
    there = {str(row[0]): str(row[1]) for row in db.execute(f'DESCRIBE {schema}."{table}"').fetchall()}
    for name, kind in model.columns.items():
        advice = (
            f"model `{model.name}` no longer fits its table: {{}}; give the model a new name, or move the warehouse "
            "file away and it is rebuilt from the log"
        )
        if name not in there and model.merge == "window" and name in model.key:
            raise UsageError(advice.format(f"dimension `{name}` is new"))
        if name not in there:
            zero = " DEFAULT 0" if model.merge == "window" and model.merged(name) == "add" else ""
            db.execute(f'ALTER TABLE {schema}."{table}" ADD COLUMN "{name}" {kind}{zero}')
        elif there[name] != kind:
            raise UsageError(advice.format(f"column `{name}` was {there[name]} and is {kind} now"))
    if model.merge == "window":
        _same_key(db, table, model, there)


def _same_key(db: duckdb.DuckDBPyConnection, table: str, model: Model, there: dict[str, str]) -> None:
    """Refuse other dimensions than the table was created with: its rows would never be merged into again."""
    key = ", ".join(model.key)
    row = first(db, "SELECT value FROM internal.facts WHERE name = ?", [f"key {table}"])
    if row is None:
        db.execute("INSERT INTO internal.facts VALUES (?, ?)", [f"key {table}", key])
    elif row[0] != key:
        raise UsageError(
            f"model `{model.name}` no longer fits its table: its dimensions were {row[0]} and are {key} now; "
            "give the model a new name, or move the warehouse file away and it is rebuilt from the log"
        )


def _latest(db: duckdb.DuckDBPyConnection, model: Model) -> None:
    table = f"{model.name}_rows"
    _table(db, "internal", table, replace(model, columns={RUN: "INTEGER", **model.columns}))
    show_latest(db, model, current_run(db, model))


def latest_rows(model: Model) -> str:
    """Qualified name of a latest model's row table: one row per key from earlier runs, any number from the current."""
    return f'internal."{model.name}_rows"'


def current_run(db: duckdb.DuckDBPyConnection, model: Model) -> int:
    """The run that rows are appended to. After a restart it may be one that is already compacted; that is harmless."""
    row = first(db, f"SELECT coalesce(max({RUN}), 0) FROM {latest_rows(model)}")
    return int(row[0]) if row else 0


def same_key(key: Iterable[str], left: str, right: str) -> str:
    """SQL condition that two rows have the same key; NULL equals NULL."""
    return " AND ".join(f'{left}."{part}" IS NOT DISTINCT FROM {right}."{part}"' for part in key)


def newest(model: Model) -> str:
    """QUALIFY condition that keeps the newest row of each key."""
    key = ", ".join(f'"{part}"' for part in model.key)
    return f"row_number() OVER (PARTITION BY {key} ORDER BY {SINCE} DESC, {VERSION} DESC) = 1"


def newer(left: str, right: str, or_same: str = "") -> str:
    """SQL condition that one row of a key replaces another: of a later topic of that name, or at a greater offset."""
    return f"({left}.{SINCE}, {left}.{VERSION}) >{or_same} ({right}.{SINCE}, {right}.{VERSION})"


def kept_since(model: Model, settings: Settings, now: datetime) -> tuple[str, datetime] | None:
    """Retention by age: the time column and the oldest time kept; None for a latest model, which is kept for good."""
    if model.merge == "latest":
        return None
    if model.merge == "window":
        return "window_start", now - timedelta(days=settings.window_retention_days)
    return model.arrival, now - timedelta(hours=settings.raw_retention_hours)


def show_latest(db: duckdb.DuckDBPyConnection, model: Model, run: int) -> None:
    """Create or replace the view with one row per key: the newest of the current run, unless an earlier run has a newer
    one (deltas of two replicas may arrive in either order). `run` is a literal in it, so that DuckDB can prune."""
    columns = ", ".join(f'"{name}"' for name in model.columns)
    rows = latest_rows(model)
    db.execute(
        f'CREATE OR REPLACE VIEW main."{model.name}" AS '
        f"WITH newest AS (SELECT * FROM {rows} WHERE {RUN} >= {run} QUALIFY {newest(model)}) "
        f"SELECT {columns} FROM {rows} b WHERE {RUN} < {run} "
        f"AND NOT EXISTS (SELECT 1 FROM newest v WHERE {same_key(model.key, 'b', 'v')} AND {newer('v', 'b')}) "
        f"UNION ALL "
        f"SELECT {columns} FROM newest v WHERE NOT EXISTS (SELECT 1 FROM {rows} b "
        f"WHERE {RUN} < {run} AND {same_key(model.key, 'b', 'v')} AND {newer('b', 'v', '=')})"
    )
