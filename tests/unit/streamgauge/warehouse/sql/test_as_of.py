"""As-of queries: every table equals that of a warehouse which never received the later events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql.as_of import AsOfRewriter, NotKnown, parse
from streamgauge.warehouse.store import Store, connect
from tests.support import invented_events
from tests.support.invented_events import SPAN_MS, START_MS

# No invented event is a tombstone; tests/unit/processors/analytics/test_tombstones.py has some.
NAMES = [model.name for model in loader.load("streamgauge.catalog.commerce").models if model.name != "tombstones"]
# Latency and lateness depend on when and after what an event was processed, and not on the event.
PROCESSING = {"late", "dead_at"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return loader.load("streamgauge.catalog.commerce")


@pytest.fixture(scope="module")
def all_events(catalog: Catalog) -> list[invented_events.Invented]:
    return invented_events.events(catalog, 300, bad=0.02)


def opened(catalog: Catalog, folder: Path, some: list[invented_events.Invented]) -> duckdb.DuckDBPyConnection:
    db = connect(Settings(data_dir=folder))
    invented_events.merge(catalog, Store(db, catalog, "c"), some)
    return db


@pytest.fixture(scope="module")
def now(
    catalog: Catalog, all_events: list[invented_events.Invented], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    db = opened(catalog, tmp_path_factory.mktemp("now"), all_events)
    yield db
    db.close()


# In the middle of a window, at its very beginning (an event at that moment belongs to the next one), and before all.
@pytest.fixture(scope="module", params=[95_123, 60_000, -1], ids=["in a window", "between windows", "before all"])
def then(
    request: pytest.FixtureRequest,
    catalog: Catalog,
    all_events: list[invented_events.Invented],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[datetime, duckdb.DuckDBPyConnection]]:
    """A time, and a warehouse that got only what had happened by then. The time of bad events is Kafka's timestamp."""
    at_ms = START_MS - START_MS % 10_000 + request.param
    some = [e for e in all_events if (e.published_ms if _is_bad(catalog, e) else e.at_ms) <= at_ms]
    db = opened(catalog, tmp_path_factory.mktemp("then"), some)
    yield datetime.fromtimestamp(at_ms / 1_000, UTC), db
    db.close()


def _is_bad(catalog: Catalog, event: invented_events.Invented) -> bool:
    return f'"{catalog.streams[event.topic].key}"'.encode() not in event.value


def rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return sorted(map(repr, db.execute(sql).to_arrow_table().to_pylist()))


def shown(catalog: Catalog, name: str) -> str:
    (model,) = (entry for entry in catalog.models if entry.name == name)
    columns = ", ".join(f'"{column}"' for column in model.columns if column not in PROCESSING)
    return f"SELECT {columns} FROM {name}"


@pytest.mark.parametrize("name", NAMES)
def test_as_of_now_is_the_table(catalog: Catalog, now: duckdb.DuckDBPyConnection, name: str) -> None:
    later = datetime.fromtimestamp((START_MS + 100 * SPAN_MS) / 1_000, UTC)
    made = AsOfRewriter(catalog).rewrite(now, f"SELECT * FROM {name}", later)
    assert not made.notes or name == "stream_windows"
    assert rows(now, made.sql) == rows(now, f"SELECT * FROM {name}")
    assert rows(now, made.sql)


@pytest.mark.parametrize("name", NAMES)
def test_as_of_then_is_the_table_without_later_events(
    catalog: Catalog, now: duckdb.DuckDBPyConnection, then: tuple[datetime, duckdb.DuckDBPyConnection], name: str
) -> None:
    at, alone = then
    made = AsOfRewriter(catalog).rewrite(now, shown(catalog, name), at, known_only=True)
    expected = shown(catalog, name)
    if any("single events are not kept" in note for note in made.notes):
        begun = at - timedelta(milliseconds=at.timestamp() * 1_000 % 10_000)
        expected += f" WHERE window_start < '{begun.isoformat()}'"
    elif made.notes:
        # Reference data has no raw events: what has not changed since is known.
        assert all("keeps no raw events" in note for note in made.notes)
        assert set(rows(now, made.sql)) <= set(rows(alone, expected))
        return
    assert rows(now, made.sql) == rows(alone, expected)


def test_views_read_the_tables_as_of_then(catalog: Catalog, now: duckdb.DuckDBPyConnection) -> None:
    """Each can be asked, and `now()` in it is then."""
    at = datetime.fromtimestamp((START_MS + SPAN_MS // 2) / 1_000, UTC)
    for view in catalog.views:
        made = AsOfRewriter(catalog).rewrite(now, f"FROM {view.name}", at, known_only=True)
        now.execute(made.sql).to_arrow_table()
        assert "now()" not in made.sql.lower()


@pytest.mark.parametrize(
    "sql",
    [
        "WITH mine AS (FROM orders) SELECT count(*) FROM mine",
        "-- a remark\nWITH RECURSIVE mine AS (SELECT order_id FROM orders) SELECT count(*) FROM mine",
        "/* one */ SELECT count(*) FROM (SELECT DISTINCT order_id FROM orders)",
        "FROM orders SELECT count(*)",
        "SELECT count(*) FROM order_events e WHERE EXISTS (FROM orders o WHERE o.order_id = e.order_id) AND false "
        "UNION ALL SELECT count(*) FROM orders ORDER BY 1 DESC LIMIT 1",
    ],
)
def test_any_form_of_query(catalog: Catalog, now: duckdb.DuckDBPyConnection, sql: str) -> None:
    at = datetime.fromtimestamp(START_MS / 1_000 - 1, UTC)
    assert now.execute(AsOfRewriter(catalog).rewrite(now, sql, at).sql).fetchall() == [(0,)]


@pytest.mark.parametrize("sql", ["FROM main.orders", "WITH orders AS (FROM orders) FROM orders"])
def test_what_would_read_the_current_table_is_refused(
    catalog: Catalog, now: duckdb.DuckDBPyConnection, sql: str
) -> None:
    with pytest.raises(NotKnown, match="orders"):
        AsOfRewriter(catalog).rewrite(now, sql, datetime.now(UTC))


def test_uncertainty_by_retention_is_refused_or_noted(
    catalog: Catalog, all_events: list[invented_events.Invented], tmp_path: Path
) -> None:
    """The first minute's raw events are gone: what needs them is refused, what does not is exact."""
    db = connect(settings := Settings(data_dir=tmp_path, raw_retention_hours=1, window_retention_days=10_000))
    store = Store(db, catalog, "c")
    invented_events.merge(catalog, store, all_events)
    gone = datetime.fromtimestamp((START_MS + 60_000) / 1_000, UTC)
    assert store.expire(settings, gone + timedelta(hours=1))["order_events"] > 10
    early, late = gone - timedelta(seconds=25), gone + timedelta(seconds=65)
    asof = AsOfRewriter(catalog)
    for name in ("order_events", "order_windows", "orders"):
        with pytest.raises(NotKnown, match="retention has removed"):
            asof.rewrite(db, f"FROM {name}", early)
    assert not asof.rewrite(db, "FROM order_windows", late).notes
    boundary = early - timedelta(milliseconds=early.timestamp() * 1_000 % 10_000)
    assert asof.rewrite(db, "FROM order_windows", boundary - timedelta(milliseconds=1), known_only=True).notes
    (note,) = asof.rewrite(db, "FROM order_events", late).notes
    assert "is complete from" in note
    assert asof.rewrite(db, "FROM orders", early, known_only=True).notes
    db.close()


def test_times() -> None:
    assert parse("2026-11-23T04:00:00Z") == parse("2026-11-23T05:00:00+01:00") == parse("2026-11-23 04:00")
    with pytest.raises(ValueError, match="yesterday"):
        parse("yesterday")
