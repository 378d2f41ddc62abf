"""The comparison finds the one difference and its size; differences with a known cause are counted apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.rebuild import processing, report
from streamgauge.cli.rebuild.compare import OLDER, Difference, Measure, compare
from streamgauge.cli.rebuild.reread import InputLog
from streamgauge.runtime.errors import FatalError, UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import swap
from streamgauge.warehouse.store import Store, connect
from tests.support import invented_events
from tests.support.invented_events import START_MS, Invented

NOW = datetime.fromtimestamp(START_MS / 1_000 + 3_600, UTC)


STREAMS = ("orders", "payments", "shipments")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Three streams, every way of merging; tests/kafka/test_rebuild_replay.py compares all there are."""
    whole = loader.load("streamgauge.catalog.commerce")
    models = tuple(model for model in whole.models if model.stream in (*STREAMS, "*", "dead_letters"))
    return replace(whole, streams={topic: whole.streams[topic] for topic in STREAMS}, models=models, views=())


@pytest.fixture(scope="module")
def events(catalog: Catalog) -> list[Invented]:
    return invented_events.events(catalog, 60, bad=0.03)


@pytest.fixture(scope="module")
def running(catalog: Catalog, events: list[Invented], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(catalog, tmp_path_factory.mktemp("running"), events)


def written(catalog: Catalog, folder: Path, events: list[Invented], batch_events: int = 400) -> Path:
    db = connect(settings := Settings(data_dir=folder))
    invented_events.merge(catalog, Store(db, catalog, "c"), events, batch_events)
    db.close()
    return settings.warehouse_file


def compared(catalog: Catalog, log: InputLog, running: Path, rebuilt: Path, **values: int) -> dict[str, Difference]:
    settings = Settings(**values)  # type: ignore[arg-type]
    return {one.table: one for one in compare(settings, catalog, log, running, rebuilt, NOW)}


def test_the_same_events_in_other_batches_are_identical(
    catalog: Catalog, events: list[Invented], running: Path, tmp_path: Path
) -> None:
    found = compared(catalog, InputLog({}), running, written(catalog, tmp_path, events, batch_events=77))
    assert [one.table for one in found.values() if not one.identical or one.explained] == []
    assert found["orders"].rebuilt == found["orders"].running > 0
    assert found["dead_letters"].not_compared == ("dead_at",)
    assert "latency_ms" in found["stream_windows"].not_compared


def test_one_changed_measure(catalog: Catalog, events: list[Invented], running: Path, tmp_path: Path) -> None:
    """Exactly one table, one row, one measure, and by how much."""
    rebuilt = written(catalog, tmp_path, events)
    with duckdb.connect(str(rebuilt)) as db:
        db.execute("UPDATE order_windows SET revenue_cents = revenue_cents + 7 WHERE rowid = 3")
        db.execute("DELETE FROM payment_events WHERE rowid = 0")
    found = compared(catalog, InputLog({}), running, rebuilt)
    assert {one.table for one in found.values() if not one.identical} == {"order_windows", "payment_events"}
    windows = found["order_windows"]
    assert (windows.changed, windows.only_running, windows.only_rebuilt) == (1, 0, 0)
    (measure,) = windows.measures
    assert (measure.column, measure.rows) == ("revenue_cents", 1)
    assert (measure.rebuilt or 0) - (measure.running or 0) == 7
    assert "(+7)" in "\n".join(report.lines([windows]))
    assert found["payment_events"].only_running == 1


def test_what_the_log_no_longer_has_is_counted_apart(
    catalog: Catalog, events: list[Invented], running: Path, tmp_path: Path
) -> None:
    """Without the first events of one partition: all that differs is older than the log, in that stream alone."""
    low, place = 20, ("orders", 0)
    left = [e for e in events if (e.topic, e.partition) != place or e.offset >= low]
    first_ms = min(e.published_ms for e in left if (e.topic, e.partition) == place)
    log = InputLog({}, truncated={place: low}, first_ms={place: first_ms})
    found = compared(catalog, log, running, written(catalog, tmp_path, left))
    assert [one.table for one in found.values() if not one.identical] == []
    older = {one.table for one in found.values() if one.explained}
    assert {"order_events", "order_windows", "stream_windows"} <= older
    assert older <= {"order_events", "order_windows", "stream_windows", "orders", "dead_letters", "stock_demand"}
    assert found["order_events"].explained == {
        OLDER: sum((e.topic, e.partition) == place and e.offset < low and b'"order_id"' in e.value for e in events)
    }
    without_cause = compared(catalog, InputLog({}), running, written(catalog, tmp_path / "again", left))
    assert not without_cause["order_events"].identical


def test_a_new_dimension_cannot_be_compared(catalog: Catalog, running: Path, tmp_path: Path) -> None:
    """The running file is of other models: it has no such column."""
    old = tmp_path / "old.duckdb"
    old.write_bytes(running.read_bytes())
    with duckdb.connect(str(old)) as db:
        db.execute("ALTER TABLE payment_windows DROP COLUMN method")
        db.execute("ALTER TABLE payment_events DROP COLUMN card")
        db.execute("DROP TABLE shipment_windows")
    found = compared(catalog, InputLog({}), old, running)
    assert "`method` is new" in found["payment_windows"].problem
    assert found["payment_events"].not_compared == ("arrived_at", "card")
    assert "no such table" in found["shipment_windows"].problem
    assert found["shipment_events"].identical


def test_columns_of_the_processing(catalog: Catalog) -> None:
    by_name = {model.name: model for model in catalog.models}
    assert processing.columns(by_name["dead_letters"]) == {"dead_at"}
    assert {"late", "latency_ms", "latency_le_1s"} <= processing.columns(by_name["stream_windows"])
    assert not processing.columns(by_name["stream_windows"]) & {"events", "bytes", "max_occurred_at", "partition"}
    assert processing.columns(by_name["order_events"]) == {"arrived_at"}
    assert processing.columns(by_name["orders"]) == processing.columns(by_name["order_windows"]) == frozenset()


def test_arrivals_that_kafkas_timestamp_would_judge_otherwise_are_known(catalog: Catalog, tmp_path: Path) -> None:
    """Else an event that was in the future when it arrived would be good when it is read again, and the other way."""
    db = connect(settings := Settings(data_dir=tmp_path))
    Store(db, catalog, "c")
    arrived, hour = NOW, timedelta(hours=1)
    rows = {
        1: (arrived, arrived),
        2: (arrived, arrived - 72 * hour),  # a backfill about the present: by the timestamp it is from the future
        3: (arrived - 72 * hour, arrived - 72 * hour),
        4: (arrived - 100 * 24 * hour, arrived),  # older than any window
        5: (arrived, None),
    }
    for offset, (occurred, stamped) in rows.items():
        db.execute(
            "INSERT INTO order_events (occurred_at, kafka_partition, kafka_offset, kafka_timestamp, arrived_at) "
            "VALUES (?, 0, ?, ?, ?)",
            [occurred, offset, stamped, arrived],
        )
    for offset, reason, stamped in ((6, "wrong_type", arrived), (7, "future_event", arrived + 9 * hour)):
        db.execute(
            "INSERT INTO dead_letters (topic, kafka_partition, kafka_offset, reason, kafka_timestamp, dead_at) "
            "VALUES ('orders', 0, ?, ?, ?, ?)",
            [offset, reason, stamped, arrived],
        )
    db.close()
    ms = int(arrived.timestamp() * 1_000)
    assert processing.arrivals(settings, catalog, settings.warehouse_file) == {("orders", 0): {2: ms, 4: ms, 7: ms}}


class Crash(BaseException):
    """kill -9."""


@pytest.mark.parametrize("dies_at", ["link", "replace", None])
def test_a_swap_that_dies_leaves_one_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str | None
) -> None:
    """Before or after the rename: the file under the name that counts is the old one or the new one; the next start
    finishes what was begun, and what the old one's write-ahead log had is not lost with it."""
    settings = Settings(data_dir=tmp_path)
    for path, value in ((settings.warehouse_file, 1), (tmp_path / "built.duckdb", 2)):
        with duckdb.connect(str(path)) as db:
            db.execute("CREATE TABLE t AS SELECT ? AS n", [value])
    swap.put(settings, "d1", tmp_path / "built.duckdb")
    assert not swap.apply(settings, "d2")
    if dies_at:
        with monkeypatch.context() as patch:
            patch.setattr(f"os.{dies_at}", _crash)
            with pytest.raises(Crash):
                swap.apply(settings, "d1")
        assert number(settings.warehouse_file) == 1
    assert swap.apply(settings, "d1")
    assert number(settings.warehouse_file) == 2
    assert number(swap.before(settings)) == 1
    assert not swap.apply(settings, "d1")


def test_no_swap_while_another_owner_has_the_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "built.duckdb").touch()
    settings.warehouse_file.write_bytes(b"no database")
    swap.put(settings, "d", tmp_path / "built.duckdb")
    with pytest.raises((UsageError, FatalError), match="put aside"):
        swap.apply(settings, "d")
    assert settings.warehouse_file.read_bytes() == b"no database"


def _crash(*_: object) -> None:
    raise Crash


def number(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as db:
        return int(db.execute("SELECT n FROM t").fetchall()[0][0])


def test_totals_that_differ_have_every_digit() -> None:
    totals = Measure("cents", 2, Decimal("9007199254740993"), Decimal("0.30000000000000000001"))
    differs = Difference("orders", 2, 2, changed=2, measures=(totals,))
    assert "9,007,199,254,740,993 → 0.30000000000000000001 there" in "\n".join(report.lines([differs]))
