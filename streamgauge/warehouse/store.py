"""The DuckDB file and its single writer: deltas and their offsets are stored in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import ANALYTICS_TOPIC, Catalog
from streamgauge.catalog.model import Model
from streamgauge.deltas.provenance import InputOffsets, Provenance
from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import file_errors, merge, schema
from streamgauge.warehouse.rows import first

# A query of a latest table scans the rows of the current run, and ending a run scans the table: so a run gets as long
# as the table, within these bounds.
COMPACT_FROM_ROWS, COMPACT_AT_ROWS = 10_000, 250_000


def connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the file as its only owner; SQL can then reach no other file, network, setting or Python variable.

    Raises `UsageError` where it cannot be opened: another process has it open, or it is damaged.
    """
    path = settings.warehouse_file
    snapshots = snapshot_folder(settings)
    snapshots.mkdir(parents=True, exist_ok=True)
    try:
        # The memory limit must be given here: the write-ahead log is replayed before any SET.
        db = duckdb.connect(
            str(path),
            config={
                "memory_limit": settings.warehouse_memory,
                "threads": settings.warehouse_threads,
                # Nothing else opens the file, so it may use this DuckDB's newest format; snapshots do not (server.py).
                "storage_compatibility_version": "latest",
            },
        )
    except duckdb.Error as error:
        raise file_errors.not_opened(error, settings) from None
    # GLOBAL, or only this connection is in UTC and every cursor, which is what answers, in the zone of the machine.
    db.execute("SET GLOBAL TimeZone = 'UTC'")
    # A checkpoint rewrites and compresses new rows: fewer, larger ones cost half (docs/benchmarks.md). Reopening after
    # a kill -9 replays at most this much.
    db.execute("SET checkpoint_threshold = '256MB'")
    # The newer DICT_FSST replaces this one; trying both costs a fifth of a merge (docs/benchmarks.md).
    db.execute("SET disabled_compression_methods = 'dictionary'")
    db.execute("SET python_enable_replacements = false")
    db.execute("SET autoinstall_known_extensions = false")
    db.execute("SET autoload_known_extensions = false")
    db.execute(f"SET allowed_directories = ['{snapshots.resolve()}/']")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    return db


def snapshot_folder(settings: Settings) -> Path:
    """The only folder that DuckDB may write to, besides its own file."""
    return settings.data_dir / "snapshots"


# Names of facts: where the log of a partition began when this file did.
_LATE = "begins late"
_DAY_MS = 24 * 3_600_000


class Store:
    """Writes to the file, from one thread; readers use cursors of `db`."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, catalog: Catalog, cluster_id: str, mode: str = "pipeline"
    ) -> None:
        schema.ensure(db, catalog, cluster_id, mode)
        self._db = db.cursor()
        self._models = {model.name: model for model in catalog.models}
        self._provenance = Provenance.load(self._db)
        self._topic_id = ""
        latest = [model for model in catalog.models if model.merge == "latest"]
        self._with_tombstones = [model for model in latest if model.tombstone_key]
        self._run = {model.name: schema.current_run(self._db, model) for model in latest}
        self._fresh = {
            model.name: self._count(f"{schema.latest_rows(model)} WHERE {schema.RUN} >= {self._run[model.name]}")
            for model in latest
        }
        self._kept = {model.name: self._count(schema.latest_rows(model)) for model in latest}

    def _count(self, table: str) -> int:
        row = first(self._db, f"SELECT count(*) FROM {table}")
        return int(row[0]) if row else 0

    def rows(self) -> dict[str, int]:
        """Number of rows by table, of window and append models."""
        tables = [model.name for model in self._models.values() if model.merge != "latest"]
        return {table: self._count(f'main."{table}"') for table in tables}

    def offsets(self) -> dict[int, int]:
        """Next offset to read, by partition of `analytics`, as stored in the file."""
        return dict(self._db.execute("SELECT partition, next_offset FROM internal.offsets").fetchall())

    def late_start(self, lows: Mapping[int, int], now_ms: int) -> dict[int, str]:
        """What the file cannot have: by partition of `analytics` a sentence, for a day after it was found.

        `lows` are the first offsets of the logs that are read from their beginning: what was before them is gone. A
        single offset may be a transaction marker.
        """
        for number, low in lows.items():
            if low > 1:
                row = [f"{_LATE} {self._topic_id} {number}", f"{number} {low} {now_ms}"]
                self._db.execute("INSERT OR IGNORE INTO internal.facts VALUES (?, ?)", row)
        facts = self._db.execute("SELECT value FROM internal.facts WHERE starts_with(name, ?)", [_LATE]).fetchall()
        found = [tuple(map(int, value.split())) for (value,) in facts]
        return {
            number: f"{ANALYTICS_TOPIC}[{number}]: retention removed offsets 0 to {low - 1:,} before this file was "
            "begun, so it lacks what the events behind them said; the file before it, or a snapshot, may have that"
            for number, low, at_ms in found
            if now_ms - at_ms < _DAY_MS
        }

    def follow(self, topic_id: str) -> str | None:
        """From now on offsets are those of `analytics` with this id ("" where the broker knows none).

        Drops the offsets of another id, and returns that: `analytics` was made anew since.
        """
        self._topic_id = topic_id
        row = first(self._db, "SELECT min(topic_id) FROM internal.offsets WHERE topic_id NOT IN ('', ?)", [topic_id])
        earlier = row[0] if row else None
        if not topic_id or earlier is None:
            return None
        self._db.execute("DELETE FROM internal.offsets WHERE topic_id <> ?", [topic_id])
        return str(earlier)

    @property
    def provenance(self) -> Provenance:
        """What the tables reflect."""
        return self._provenance

    def fact(self, name: str, value: str) -> str:
        """A fact about the file: as it was first stated, or else `value`, which is stored now."""
        self._db.execute("INSERT OR IGNORE INTO internal.facts VALUES (?, ?)", [name, value])
        (stated,) = self._db.execute("SELECT value FROM internal.facts WHERE name = ?", [name]).fetchall()[0]
        return str(stated)

    def knows(self, model: str) -> bool:
        """Whether the catalog has a model of that name; deltas of others cannot be merged."""
        return model in self._models

    def since(self, topic_id: str, written_ms: int) -> datetime:
        """Since when a topic is known (`Provenance.since_of`); stored by the merge of what was read from it."""
        return self._provenance.since_of(topic_id, written_ms)

    def merge(
        self, deltas: Mapping[str, pa.Table], offsets: Mapping[int, int], read: Iterable[InputOffsets | None] = ()
    ) -> None:
        """Merge deltas (by model name) and store the next offsets and the provenance, all or nothing.

        `read` has the input offsets of each transaction (None: not recorded). Raises `FatalError` when DuckDB refuses,
        for a full disk or a figure beyond 64 bits; nothing was merged then.
        """
        try:
            provenance = self._provenance.after(read)
            with file_errors.transaction(self._db):
                self._merge(deltas, offsets, provenance)
        except duckdb.Error as error:
            raise FatalError(f"merge failed, nothing was merged: {str(error).splitlines()[0]}") from error
        self._provenance = provenance
        for name in self._fresh.keys() & deltas.keys():
            self._fresh[name] += deltas[name].num_rows

    def _merge(self, deltas: Mapping[str, pa.Table], offsets: Mapping[int, int], provenance: Provenance) -> None:
        for name, rows in deltas.items():
            merge.merge(self._db, self._models[name], rows, self._run.get(name, 0))
        for model in self._with_tombstones:
            if "tombstones" in deltas:
                merge.bury(self._db, model)
            elif model.name in deltas:
                merge.bury(self._db, model, self._run[model.name])
        for row in offsets.items():
            self._db.execute("INSERT OR REPLACE INTO internal.offsets VALUES (?, ?, now(), ?)", [*row, self._topic_id])
        if provenance != self._provenance:
            provenance.store(self._db)

    def compact(self, at_rows: int | None = None) -> None:
        """Delete superseded rows of each latest model whose current run has `at_rows` rows, and begin its next run.

        None: as many rows as the table had after the last compaction, within `COMPACT_FROM_ROWS` and `COMPACT_AT_ROWS`.
        """
        for name, rows in self._fresh.items():
            enough = min(COMPACT_AT_ROWS, max(COMPACT_FROM_ROWS, self._kept[name])) if at_rows is None else at_rows
            if rows >= enough:
                model = self._models[name]
                with file_errors.transaction(self._db):
                    self._compact(model, self._run[name])
                self._run[name] += 1
                self._fresh[name], self._kept[name] = 0, self._count(schema.latest_rows(model))

    def _compact(self, model: Model, run: int) -> None:
        merge.compact(self._db, model, run)
        schema.show_latest(self._db, model, run + 1)

    def expire(self, settings: Settings, now: datetime | None = None) -> dict[str, int]:
        """Apply retention: delete raw rows by age and number, and old windows. Returns the rows deleted by table."""
        now = now or datetime.now(UTC)
        removed = {}
        for model in self._models.values():
            if (kept := schema.kept_since(model, settings, now)) is None:
                continue
            column, since = kept
            gone = self._delete(model, f"{column} < ?", [since])
            if model.merge == "append":
                gone += self._trim(model, settings.raw_retention_rows)
            if gone:
                removed[model.name] = gone
        return removed

    def _trim(self, model: Model, most: int) -> int:
        """Keep the newest `most` rows of a raw table; rows are appended, so the oldest have the smallest rowid."""
        excess = self._count(f'main."{model.name}"') - most
        if excess <= 0:
            return 0
        return self._delete(
            model, f'rowid < (SELECT rowid FROM main."{model.name}" ORDER BY rowid LIMIT 1 OFFSET ?)', [excess]
        )

    def _delete(self, model: Model, condition: str, values: list[object]) -> int:
        row = first(self._db, f'DELETE FROM main."{model.name}" WHERE {condition}', values)
        return int(row[0]) if row else 0
