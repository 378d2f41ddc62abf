"""Comparison of two DuckDB files, table by table: rows that only one has, and measures that differ, and by how much.

A difference with a known cause outside the figures (a log that was truncated or compacted, retention by number) is
counted apart, under that cause. Everything else is a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import SINCE, Model
from streamgauge.catalog.sql_file import NUMBERS
from streamgauge.cli.rebuild import processing
from streamgauge.cli.rebuild.reread import InputLog
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import schema

OLDER, COMPACTED, NUMBER = "older than the log", "compacted away", "kept by number"


@dataclass(frozen=True)
class Measure:
    """A column that differs, in how many rows; of a number, both totals over the rows that differ."""

    column: str
    rows: int
    running: Decimal | None = None
    rebuilt: Decimal | None = None


@dataclass(frozen=True)
class Difference:
    """One table. `only_running`, `only_rebuilt` and `changed` count rows; `explained` those with a known cause."""

    table: str
    running: int
    rebuilt: int
    only_running: int = 0
    only_rebuilt: int = 0
    changed: int = 0
    measures: tuple[Measure, ...] = ()
    explained: Mapping[str, int] = field(default_factory=dict)
    not_compared: tuple[str, ...] = ()
    problem: str = ""

    @property
    def identical(self) -> bool:
        """True where nothing differs that has no known cause."""
        return not (self.only_running or self.only_rebuilt or self.changed or self.problem)


def compare(
    settings: Settings, catalog: Catalog, log: InputLog, running: Path, rebuilt: Path, now: datetime | None = None
) -> Iterator[Difference]:
    """Every table of the catalog, one after the other."""
    now = now or datetime.now(UTC)
    with duckdb.connect(":memory:", config={"memory_limit": settings.warehouse_memory}) as db:
        db.execute("SET GLOBAL TimeZone = 'UTC'")
        for name, path in (("running", running), ("rebuilt", rebuilt)):
            db.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
        for model in catalog.models:
            yield _Table(db, settings, catalog, log, model, now).difference()


class _Table:
    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        settings: Settings,
        catalog: Catalog,
        log: InputLog,
        model: Model,
        now: datetime,
    ) -> None:
        self._db, self._settings, self._catalog, self._log, self._model = db, settings, catalog, log, model
        self._now = now
        self._key = processing.key_of(model)

    def _all(self, sql: str) -> list[tuple[object, ...]]:
        return self._db.execute(sql).fetchall()

    def _count(self, sql: str) -> int:
        return int(str(self._all(f"SELECT count(*) FROM {sql}")[0][0]))

    def _columns(self, database: str) -> dict[str, str]:
        schema, table = ("internal", f"{self._model.name}_rows") if self._model.merge == "latest" else ("main", "")
        rows = self._db.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = ? AND schema_name = ? AND table_name = ?",
            [database, schema, table or self._model.name],
        ).fetchall()
        return dict(rows)

    def difference(self) -> Difference:
        """Compare the columns that both files have and that follow from the log."""
        model = self._model
        old, new = self._columns("running"), self._columns("rebuilt")
        if not old:
            rebuilt = self._count(processing.rows_of(model, "rebuilt"))
            return Difference(
                model.name, 0, rebuilt, only_rebuilt=rebuilt, problem="the running file has no such table"
            )
        carried = processing.columns(model)
        if lacking := [name for name in self._key if name not in old] or sorted(carried & set(self._key)):
            return Difference(model.name, 0, 0, problem=f"`{lacking[0]}` is new in its key: rows cannot be matched")
        compared = [name for name in model.columns if old.get(name) == new.get(name) and name not in carried]
        others = tuple(sorted(model.columns.keys() - set(compared)))
        for name in ("running", "rebuilt"):
            rows = f"(FROM {processing.rows_of(model, name)} {self._kept()})"
            self._db.execute(f"CREATE OR REPLACE TEMP VIEW of_{name} AS {rows}")
        names = ", ".join(f'"{name}"' for name in compared)
        for mine, other in (("running", "rebuilt"), ("rebuilt", "running")):
            self._db.execute(
                f"CREATE OR REPLACE TEMP TABLE only_{mine} AS "
                f"SELECT {names}, {self._cause()} AS _cause, true AS _there FROM "
                f"(SELECT {names} FROM of_{mine} EXCEPT ALL SELECT {names} FROM of_{other})"
            )
        # Rows of one key that differ on both sides are one row that changed; its cause is the running side's.
        same = schema.same_key(self._key, "a", "b")
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE pairs AS SELECT a AS a, b AS b, coalesce(a._cause, b._cause) AS cause "
            f"FROM only_running a FULL JOIN only_rebuilt b ON {same}"
        )
        return self._summarise(compared, others)

    def _summarise(self, compared: list[str], others: tuple[str, ...]) -> Difference:
        kinds = self._all(
            "SELECT cause, count(*), count(*) FILTER (WHERE b._there IS NULL), "
            "count(*) FILTER (WHERE a._there IS NULL) FROM pairs GROUP BY cause"
        )
        explained = {str(cause): int(str(rows)) for cause, rows, _, _ in kinds if cause is not None}
        rows, only_a, only_b = next(
            ((int(str(n)), int(str(a)), int(str(b))) for cause, n, a, b in kinds if cause is None), (0, 0, 0)
        )
        measures = tuple(self._measures([name for name in compared if name not in self._key])) if rows else ()
        return Difference(
            self._model.name,
            self._count("of_running"),
            self._count("of_rebuilt"),
            only_a,
            only_b,
            rows - only_a - only_b,
            measures,
            explained,
            others,
        )

    def _measures(self, names: list[str]) -> Iterator[Measure]:
        for name in names:
            number = self._model.columns[name].startswith(NUMBERS) and name != "kafka_offset"
            sums = f'sum(a."{name}")::VARCHAR, sum(b."{name}")::VARCHAR' if number else "NULL, NULL"
            ((count, left, right),) = self._all(
                f'SELECT count(*), {sums} FROM pairs WHERE cause IS NULL AND a."{name}" IS DISTINCT FROM b."{name}"'
            )
            if count:
                yield Measure(name, int(str(count)), *(None if x is None else Decimal(str(x)) for x in (left, right)))

    def _kept(self) -> str:
        """Leave out rows past their retention, which the two files removed at different moments."""
        kept = schema.kept_since(self._model, self._settings, self._now)
        return f"WHERE {kept[0]} >= TIMESTAMPTZ '{kept[1].isoformat()}'" if kept else ""

    def _cause(self) -> str:
        """SQL: the known cause of a row's difference, or NULL."""
        cases = [f"WHEN {condition} THEN '{OLDER}'" for condition in self._older()]
        cases += [f"WHEN {condition} THEN '{COMPACTED}'" for condition in self._compacted()]
        if self._model.merge == "append" and any(
            self._count(f"of_{name}") >= self._settings.raw_retention_rows for name in ("running", "rebuilt")
        ):
            cases.append(f"WHEN true THEN '{NUMBER}'")
        return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"

    def _older(self) -> Iterator[str]:
        """Conditions for rows that may come from events before the log's beginning."""
        model, by_topic = self._model, defaultdict[str, dict[int, int]](dict)
        yield from self._of_earlier_topics()
        for (topic, partition), low in self._log.truncated.items():
            by_topic[topic][partition] = low
        for topic, lows in by_topic.items():
            if model.stream not in (topic, "*", "dead_letters", "tombstones"):
                continue
            column = {"*": "stream", "dead_letters": "topic", "tombstones": "stream"}.get(model.stream)
            where = f"{column} = '{topic}' AND " if column else ""
            if model.merge == "append":
                for partition, low in lows.items():
                    yield f"{where}kafka_partition = {partition} AND kafka_offset < {low}"
            elif model.merge == "latest":
                yield f"{where}kafka_offset < {max(lows.values())}"
            else:
                # A removed event was written before the first remaining one of its partition.
                starts = [self._log.first_ms.get((topic, partition)) for partition in lows]
                known = [start for start in starts if start is not None]
                if len(known) < len(starts):
                    yield f"{where}true"
                else:
                    yield f"{where}epoch_ms(window_start) <= {max(known)}"

    def _of_earlier_topics(self) -> Iterator[str]:
        """Conditions for rows that may come from a topic that was made anew since."""
        for topic, since in self._log.since.items():
            if self._model.stream not in (topic, "*", "dead_letters"):
                continue
            column = {"*": "stream = ", "dead_letters": "topic = "}.get(self._model.stream)
            where = f"{column}'{topic}' AND " if column else ""
            if self._model.merge in ("append", "latest"):
                yield f"{where}epoch_ms({SINCE}) < {since}"
            elif self._model.stream != "dead_letters":
                starts = [start for (name, _), start in self._log.first_ms.items() if name == topic]
                # What the new topic has may have happened at any time; a copy of the old one's events is as old.
                yield f"{where}true" if not starts else f"{where}epoch_ms(window_start) <= {max(starts)}"

    def _compacted(self) -> Iterator[str]:
        """Conditions for rows of compacted topics: they keep each key's newest event, and a tombstone for a while."""
        for topic in self._catalog.compacted:
            if self._model.stream == topic and self._model.merge != "latest":
                yield "true"
            elif self._model.stream in ("*", "tombstones") and "stream" in self._model.columns:
                yield f"stream = '{topic}'"
