"""SQL over HTTP on a real file: what is refused, what is cut off, and that merges continue meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Busy, QueryError, Warehouse, WarehouseUnavailable
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.store import Store, connect
from tests.kafka.forbidden_sql import FORBIDDEN


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return loader.load("streamgauge.catalog.commerce")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("sql")
    return Settings(data_dir=folder, sql_port=free_port(), sql_timeout_s=1.0, sql_max_rows=10_000)


@pytest.fixture(scope="module")
def store(settings: Settings, catalog: Catalog) -> Iterator[Store]:
    db = connect(settings)
    running = Process("warehouse", settings, threading.Event())
    store = Store(db, catalog, "cluster")
    with server.serve(running, db, catalog):
        yield store
    db.close()


@pytest.fixture
def warehouse(settings: Settings, store: Store) -> Iterator[Warehouse]:
    with Warehouse(settings) as client:
        yield client


def delta(catalog: Catalog, orders: int) -> pa.Table:
    """One row of `order_windows`."""
    (model,) = (entry for entry in catalog.models if entry.name == "order_windows")
    with duckdb.connect() as db:
        types = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in model.columns.items())
        schema = db.execute(f"SELECT {types}").to_arrow_table().schema
    row = dict.fromkeys(schema.names, 0) | {
        "region": "eu",
        "channel": "web",
        "payment_method": "card",
        "orders": orders,
    }
    return pa.Table.from_pylist([row], schema=schema)


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_forbidden_sql_is_refused(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(QueryError) as refusal:
        warehouse.query(sql)
    assert refusal.value.rule == FORBIDDEN[sql], str(refusal.value)
    assert warehouse.query("SELECT count(*) AS n FROM order_windows")["n"][0].as_py() >= 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS one",
        "WITH recent AS (SELECT * FROM order_windows) SELECT sum(orders) FROM recent",
        "SELECT time_bucket(INTERVAL '1 minute', window_start) AS m, sum(orders) / 60.0 FROM order_windows GROUP BY 1",
        "SELECT row_number() OVER (ORDER BY orders) FROM order_windows",
        "FROM range(5)",
        "SELECT * FROM order_events e JOIN orders o USING (order_id) WHERE e.occurred_at > now() - INTERVAL 5 MINUTE",
        "SELECT [x * 2 FOR x IN [1, 2]] AS doubled, unnest([1, 2]), coalesce(NULL, 1), CASE WHEN true THEN 1 END",
        "SELECT region, count(*) FROM order_windows GROUP BY ALL HAVING count(*) > 0 ORDER BY 2 DESC LIMIT 3",
        "SELECT table_name FROM information_schema.tables",
        "DESCRIBE order_windows",
        "SELECT median(amount_cents), quantile_cont(amount_cents, 0.9), approx_count_distinct(customer_id) FROM orders",
        "VALUES (1), (2)",
    ],
)
def test_analysts_queries_are_answered(warehouse: Warehouse, sql: str) -> None:
    assert warehouse.query(sql).num_columns > 0


def test_a_runaway_query_is_cut_off_while_merges_continue(warehouse: Warehouse, store: Store, catalog: Catalog) -> None:
    """The runaway ends at its limit of 1 s; meanwhile merges commit, none of them waiting for it."""
    before = warehouse.query("SELECT coalesce(sum(orders), 0) AS n FROM order_windows")["n"][0].as_py()
    outcome: list[QueryError] = []
    took: list[float] = []

    def runaway() -> None:
        began = time.monotonic()
        try:
            warehouse.query(
                "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"
            )
        except QueryError as error:
            outcome.append(error)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=runaway)
    thread.start()
    one_order = delta(catalog, 1)
    merges, slowest = 0, 0.0
    while thread.is_alive():
        began = time.monotonic()
        store.merge({"order_windows": one_order}, {0: merges})
        slowest = max(slowest, time.monotonic() - began)
        merges += 1
    thread.join()
    assert [error.rule for error in outcome] == ["timeout"]
    assert 0.9 < took[0] < 4.0
    assert merges >= 3
    assert slowest < 1.0
    after = warehouse.query("SELECT sum(orders) AS n FROM order_windows")["n"][0].as_py()
    assert after - before == merges


def test_rows_are_capped(warehouse: Warehouse) -> None:
    with pytest.raises(QueryError, match="more than 10,000 rows") as refused:
        warehouse.query("SELECT * FROM range(1000000)")
    assert refused.value.rule == "rows"


def test_an_error_names_the_wrong_column(warehouse: Warehouse) -> None:
    with pytest.raises(QueryError, match="revenu"):
        warehouse.query("SELECT revenu FROM order_windows")


def test_a_token_is_required(settings: Settings, store: Store) -> None:
    answer = httpx.post(
        f"{settings.warehouse_url}/sql", json={"sql": "SELECT 1"}, headers={"authorization": "Bearer x"}
    )
    assert answer.status_code == 401
    assert (settings.data_dir / "sql-token").stat().st_mode & 0o777 == 0o600


def test_formats(warehouse: Warehouse) -> None:
    """JSON has integers as integers and timestamps as ISO 8601 UTC; sums of integers are integers too."""
    at = "make_timestamptz(2026, 1, 2, 3, 4, 5.5)"
    sql = f"SELECT sum(x)::HUGEINT AS total, {at} AS at, {{'a': [1]}} AS nested FROM range(3) t(x)"
    assert warehouse.fetch(sql, "application/json") == (
        b'[{"total":3,"at":"2026-01-02T03:04:05.500Z","nested":{"a":[1]}}]'
    )
    assert warehouse.fetch(sql, "text/csv").decode().splitlines()[1] == '3,"2026-01-02T03:04:05.500Z","{""a"": [1]}"'
    assert pa.types.is_int64(warehouse.query(sql).schema.field("total").type)


def test_parameters(warehouse: Warehouse) -> None:
    assert warehouse.query("SELECT ? + 1 AS n", [41])["n"][0].as_py() == 42


RUNAWAY = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"


def test_parameters_by_name(warehouse: Warehouse) -> None:
    assert warehouse.query("SELECT $a + $b AS n", {"a": 40, "b": 2})["n"][0].as_py() == 42


def test_cancel(warehouse: Warehouse) -> None:
    name = "a name/with?signs"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(warehouse.query, RUNAWAY, (), None, name)
        # The cancel may arrive before the query: then the query ends on arrival.
        warehouse.cancel(name)
        with pytest.raises(QueryError) as cancelled:
            running.result(timeout=5)
    assert cancelled.value.rule == "cancelled"
    assert not warehouse.cancel("nothing")


def test_pages_do_not_wait_for_many_analysts(settings: Settings, warehouse: Warehouse) -> None:
    """Four queries run, the others wait without taking a thread that the pages or a cancel would need."""
    with ThreadPoolExecutor(60) as pool, Warehouse(settings, "pages") as pages:
        crowd = [pool.submit(warehouse.query, RUNAWAY, (), None, f"crowd-{n}") for n in range(60)]
        try:
            time.sleep(0.3)
            assert pages.query("SELECT 1 AS one")["one"][0].as_py() == 1
            # In one queue of 40 threads it would be the 61st, and wait until 21 of the others have ended.
            assert sum(one.done() for one in crowd) < 20
        finally:
            for number in range(60):
                pages.cancel(f"crowd-{number}")
        errors = [one.exception(timeout=10) for one in crowd]
    assert {type(error) for error in errors} <= {QueryError, Busy}


def test_tables_and_views_are_described(warehouse: Warehouse) -> None:
    described = {table["table"]: table for table in warehouse.tables()}
    assert described["stream_windows"]["key"] == ["window_start", "stream", "partition"]
    assert "one message of any stream" in described["stream_windows"]["about"]
    view = described["sagas_stuck"]
    assert (view["merge"], view["key"]) == ("view", [])
    assert view["about"].startswith("Sagas that should have moved on")
    assert view["columns"]["age_seconds"] == "DOUBLE"
    assert view["select"].startswith("WITH running AS")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'é',\n getenv('x')", "line 2, column 2"),
        ("SELECT 1\nFROM ordrs", "`ordrs` (line 2, column 6), did you mean `orders`?"),
        ("SELECT 'é',\n FROM FROM x", "(line 2, column 7)"),
    ],
)
def test_a_refusal_names_line_and_column(warehouse: Warehouse, sql: str, expected: str) -> None:
    with pytest.raises(QueryError) as refused:
        warehouse.query(sql)
    assert expected in str(refused.value)


def test_a_snapshot_opens_in_plain_duckdb(warehouse: Warehouse, store: Store, catalog: Catalog, tmp_path: Path) -> None:
    store.merge({"order_windows": delta(catalog, 7)}, {0: 1})
    path = tmp_path / "copy.duckdb"
    assert warehouse.snapshot(path) > 0
    with duckdb.connect(str(path), read_only=True) as db:
        assert db.execute("SELECT sum(orders) FROM order_windows").fetchall()[0][0] >= 7
        assert db.execute("SELECT count(*) FROM orders").fetchall() == [(0,)]


def test_an_unreachable_warehouse_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sql-token").write_text("x")
    with (
        Warehouse(Settings(data_dir=tmp_path, sql_port=free_port())) as client,
        pytest.raises(WarehouseUnavailable, match="does not answer on http"),
    ):
        client.query("SELECT 1")
