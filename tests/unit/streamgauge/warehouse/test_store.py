"""Merge rules and evolution on a real DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from streamgauge.catalog import loader, model
from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import SINCE, Model
from streamgauge.catalog.stream import ORIGIN
from streamgauge.runtime.errors import FatalError, UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import Store, connect

AT = datetime(2026, 1, 1, tzinfo=UTC)
READINGS = pa.schema([pa.field("sensor", pa.string()), pa.field("n", pa.int64()), pa.field("celsius", pa.float64())])
SCHEMA = pa.schema([*READINGS, pa.field("measured_at", pa.timestamp("ms", tz="UTC")), *ORIGIN])
WINDOW = """-- model: {name}
-- stream: readings
-- merge: window
-- every: 10 seconds
SELECT sensor, sum(n) AS total, min(celsius) AS min_celsius, max(celsius) AS max_celsius{more}
FROM events GROUP BY ALL
"""
LATEST = """-- model: sensors
-- stream: readings
-- merge: latest
-- key: sensor
SELECT sensor, celsius FROM events
"""
RAW = """-- model: raw
-- stream: readings
-- merge: append
SELECT * FROM events
"""


def one(folder: Path, name: str, text: str) -> Model:
    path = folder / f"{name}.sql"
    path.write_text(text)
    with duckdb.connect(":memory:") as con:
        return model.load(con, path, {"readings": SCHEMA}, {"readings": "measured_at"})


def made(folder: Path, more: str = "") -> Catalog:
    texts = {"windows": WINDOW.format(name="windows", more=more), "sensors": LATEST, "raw": RAW}
    return Catalog("test", {}, (), tuple(one(folder, name, text) for name, text in texts.items()))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", raw_retention_rows=1_000)


@pytest.fixture
def db(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    db = connect(settings)
    yield db
    db.close()


def window(sensor: str | None, total: int, low: float, high: float, at: datetime = AT) -> dict[str, Any]:
    return {"window_start": at, "sensor": sensor, "total": total, "min_celsius": low, "max_celsius": high}


def version(sensor: str, celsius: float, offset: int) -> dict[str, Any]:
    return {"kafka_offset": offset, "sensor": sensor, "celsius": celsius}


def raw(offset: int, at: datetime = AT, stamped: datetime | None = None) -> dict[str, Any]:
    place = {"kafka_partition": 0, "kafka_offset": offset, "kafka_timestamp": stamped or at, "arrived_at": at}
    return {"sensor": "a", "n": 1, "celsius": 1.0, "measured_at": at, **place}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows))


def test_windows_merge_by_sum_minimum_and_maximum(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    store = Store(db, made(tmp_path), "c")
    # Two rows of one key in one merge, a dimension that is absent, and a late one: none may be lost.
    store.merge(
        {"windows": table(window("a", 1, 5.0, 5.0), window("a", 2, 4.0, 9.0), window(None, 7, 0.0, 0.0))}, {0: 3}
    )
    store.merge({"windows": table(window("a", 10, 4.5, 4.5), window(None, 1, -1.0, 1.0))}, {0: 5})
    rows = db.execute("SELECT sensor, total, min_celsius, max_celsius FROM windows ORDER BY sensor").fetchall()
    assert rows == [("a", 13, 4.0, 9.0), (None, 8, -1.0, 1.0)]
    assert store.offsets() == {0: 5}


def test_latest_has_one_row_per_key_whatever_order_versions_arrive_in(
    tmp_path: Path, db: duckdb.DuckDBPyConnection
) -> None:
    store = Store(db, made(tmp_path), "c")

    def seen() -> list[tuple[Any, ...]]:
        return db.execute("SELECT sensor, celsius, kafka_offset FROM sensors ORDER BY sensor").fetchall()

    store.merge({"sensors": table(version("a", 1.0, 1), version("b", 2.0, 7), version("a", 3.0, 5))}, {0: 1})
    assert seen() == [("a", 3.0, 5), ("b", 2.0, 7)]
    store.compact(at_rows=1)
    assert seen() == [("a", 3.0, 5), ("b", 2.0, 7)]
    # Another replica's delta, from before what is already in the base, must not turn time back.
    store.merge({"sensors": table(version("a", 9.0, 4), version("b", 8.0, 8), version("c", 1.0, 1))}, {1: 1})
    assert seen() == [("a", 3.0, 5), ("b", 8.0, 8), ("c", 1.0, 1)]
    store.compact(at_rows=1)
    assert seen() == [("a", 3.0, 5), ("b", 8.0, 8), ("c", 1.0, 1)]
    assert db.execute('SELECT count(*) FROM internal."sensors_rows"').fetchall() == [(3,)]


def test_a_row_of_a_topic_made_anew_replaces_those_of_the_earlier_one(
    tmp_path: Path, db: duckdb.DuckDBPyConnection
) -> None:
    """At a smaller offset, before and after compaction; a straggler of the earlier topic does not come back."""
    store = Store(db, made(tmp_path), "c")
    old, new = store.since("OLD", 1_000), store.since("NEW", 2_000)

    def merge(since: datetime, celsius: float, offset: int) -> list[tuple[Any, ...]]:
        store.merge({"sensors": table({**version("a", celsius, offset), SINCE: since})}, {0: 1})
        return db.execute("SELECT celsius, kafka_offset FROM sensors").fetchall()

    assert merge(old, 1.0, 90) == [(1.0, 90)]
    store.compact(at_rows=1)
    assert merge(new, 2.0, 3) == [(2.0, 3)]
    assert merge(old, 9.0, 95) == [(2.0, 3)]
    store.compact(at_rows=1)
    assert merge(old, 9.0, 96) == [(2.0, 3)]
    assert merge(new, 4.0, 4) == [(4.0, 4)]


def test_offsets_are_of_a_topic(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    """`analytics` made anew: none of the offsets in the file are its own."""
    store = Store(db, made(tmp_path), "c")
    assert store.follow("OLD") is None
    store.merge({"raw": table(raw(1))}, {0: 7, 5: 3})
    store = Store(db, made(tmp_path), "c")
    assert store.follow("OLD") is None
    assert store.offsets() == {0: 7, 5: 3}
    assert store.follow("NEW") == "OLD"
    assert store.offsets() == {}


def test_a_run_is_as_long_as_the_table_within_limits(
    tmp_path: Path, db: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamgauge.warehouse.store.COMPACT_FROM_ROWS", 2)
    monkeypatch.setattr("streamgauge.warehouse.store.COMPACT_AT_ROWS", 5)
    store = Store(db, made(tmp_path), "c")
    offsets = iter(range(100))

    def left(*sensors: str) -> int:
        """Rows after a merge, before the next one."""
        offset = next(offsets)
        store.merge({"sensors": table(*(version(name, 1.0, offset) for name in sensors))}, {0: offset})
        store.compact()
        (row,) = db.execute('SELECT count(*) FROM internal."sensors_rows"').fetchall()
        return int(row[0])

    assert [left("a"), left("a"), left("a"), left("a")] == [1, 1, 2, 1]
    assert left("a", "b", "c", "d") == 4
    # Four keys: a run of four rows. Eight: one of five, no longer.
    assert [left("a"), left("a"), left("a"), left("a")] == [5, 6, 7, 4]
    assert left("e", "f", "g", "h") == 8
    assert [left("a") for _ in range(5)] == [9, 10, 11, 12, 8]


def test_a_failed_merge_merges_nothing_and_keeps_the_offsets(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    store = Store(db, made(tmp_path), "c")
    store.merge({"raw": table(raw(1))}, {0: 1})
    overflow = table(window("a", 2**62, 0.0, 0.0), window("a", 2**62, 0.0, 0.0))
    with pytest.raises(FatalError, match="nothing was merged"):
        store.merge({"raw": table(raw(2)), "windows": overflow}, {0: 2})
    assert Store(db, made(tmp_path), "c").offsets() == {0: 1}
    assert db.execute("SELECT count(*) FROM raw").fetchall() == [(1,)]


def test_a_new_measure_is_added_and_old_deltas_still_merge(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    Store(db, made(tmp_path), "c").merge({"windows": table(window("a", 1, 5.0, 5.0))}, {0: 1})
    store = Store(db, made(tmp_path, more=", count(*) AS readings"), "c")
    store.merge({"windows": table({**window("a", 1, 5.0, 5.0), "readings": 4})}, {0: 2})
    store.merge({"windows": table(window("a", 1, 5.0, 5.0), window("b", 1, 5.0, 5.0))}, {0: 3})
    rows = db.execute("SELECT sensor, total, readings FROM windows ORDER BY 1").fetchall()
    assert rows == [("a", 3, 4), ("b", 1, 0)]


def test_a_new_dimension_is_refused_with_what_to_do(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    Store(db, made(tmp_path), "c")
    with pytest.raises(UsageError, match="dimension `part` is new") as refused:
        Store(db, made(tmp_path, more=", kafka_partition AS part"), "c")
    assert "move the warehouse file away" in str(refused.value)


def test_a_dropped_dimension_and_a_changed_type_are_refused(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    Store(db, made(tmp_path), "c")
    fewer = WINDOW.format(name="windows", more="").replace("SELECT sensor, ", "SELECT ")
    with pytest.raises(UsageError, match="its dimensions were window_start, sensor"):
        Store(db, Catalog("test", {}, (), (one(tmp_path, "windows", fewer),)), "c")
    other = WINDOW.format(name="windows", more="").replace("sum(n)", "sum(celsius)")
    with pytest.raises(UsageError, match="column `total` was BIGINT and is DOUBLE now"):
        Store(db, Catalog("test", {}, (), (one(tmp_path, "windows", other),)), "c")


def test_a_file_of_another_cluster_is_refused(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    Store(db, made(tmp_path), "c")
    with pytest.raises(UsageError, match="belongs to another Kafka cluster"):
        Store(db, made(tmp_path), "d")


def test_retention_by_age_and_by_number(tmp_path: Path, db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    store = Store(db, made(tmp_path), "c")
    now = AT + timedelta(days=100)
    store.merge({"raw": table(*(raw(n, AT if n < 10 else now) for n in range(1_500)))}, {0: 1})
    store.merge({"windows": table(window("a", 1, 0.0, 0.0), window("a", 1, 0.0, 0.0, now))}, {0: 2})
    assert store.expire(settings, now) == {"windows": 1, "raw": 500}
    assert db.execute("SELECT count(*), min(kafka_offset) FROM raw").fetchall() == [(1_000, 500)]
    assert store.expire(settings, now) == {}


def test_retention_goes_by_arrival(tmp_path: Path, db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Whatever the producer says: days ago, nothing, or a time that is still to come."""
    store = Store(db, made(tmp_path), "c")
    now = AT + timedelta(hours=49)
    stamps = (AT - timedelta(days=3), datetime.fromtimestamp(1_800_000, UTC), now + timedelta(days=9))
    old = [raw(offset, AT, stamp) for offset, stamp in enumerate(stamps)]
    new = [raw(offset, now - timedelta(hours=1), stamp) for offset, stamp in enumerate(stamps, 10)]
    store.merge({"raw": table(*old, *new, {**raw(13, now), "kafka_timestamp": None})}, {0: 1})
    assert store.expire(settings, now) == {"raw": 3}
    assert [offset for (offset,) in db.execute("SELECT kafka_offset FROM raw ORDER BY 1").fetchall()] == [
        10,
        11,
        12,
        13,
    ]


def test_a_dead_letter_stays_from_when_it_became_one(tmp_path: Path) -> None:
    catalog = loader.load("streamgauge.catalog.commerce")
    letters_model = next(model for model in catalog.models if model.name == "dead_letters")
    settings = Settings(data_dir=tmp_path)
    db = connect(settings)
    store = Store(db, Catalog("test", {}, (), (letters_model,)), "c")
    now = AT + timedelta(hours=49)
    letters = [
        {"stream": "orders", "kafka_offset": offset, "kafka_timestamp": AT - timedelta(days=3), "dead_at": at}
        for offset, at in enumerate((AT, now - timedelta(hours=47)))
    ]
    store.merge({"dead_letters": table(*letters)}, {0: 1})
    assert store.expire(settings, now) == {"dead_letters": 1}
    assert db.execute("SELECT kafka_offset FROM dead_letters").fetchall() == [(1,)]
    db.close()


def test_a_file_that_begins_after_the_log_did_says_what_it_lacks_for_a_day(settings: Settings, tmp_path: Path) -> None:
    catalog, db, day = made(tmp_path), connect(settings), 24 * 3_600_000
    late = {0: "analytics[0]: retention removed offsets 0 to 41 before this file was begun"}
    assert begins(Store(db, catalog, "c").late_start({0: 42, 1: 0, 2: 1}, 0)) == late
    # The file knows it after a restart, when it has offsets of its own.
    assert begins(Store(db, catalog, "c").late_start({}, day - 1)) == late
    assert begins(Store(db, catalog, "c").late_start({0: 99}, day)) == {}
    db.close()


def begins(said: dict[int, str]) -> dict[int, str]:
    return {number: text.partition(",")[0] for number, text in said.items()}
