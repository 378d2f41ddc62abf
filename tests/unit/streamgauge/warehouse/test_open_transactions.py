"""Nothing that the warehouse asks leaves a transaction open: DuckDB would keep every version since, in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import streamgauge
from streamgauge.catalog import loader
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.gauges import Gauges
from streamgauge.warehouse.known_failures import Fingerprints
from streamgauge.warehouse.sql.memory import MemoryWatch
from streamgauge.warehouse.sql.query_service import QueryRequest, QueryService
from streamgauge.warehouse.store import Store, connect

CATALOG = loader.load("streamgauge.catalog.commerce")
KEPT_BYTES = 20_000_000
Ask = Callable[[duckdb.DuckDBPyConnection, Settings], object]


def versions(db: duckdb.DuckDBPyConnection) -> int:
    """The bytes of versions that some transaction might still read."""
    sql = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'TRANSACTION'"
    return int(db.execute(sql).fetchall()[0][0])


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda db, _: MemoryWatch(db, lambda: 0), id="memory"),
        pytest.param(lambda db, _: Fingerprints(db, CATALOG), id="fingerprints"),
        pytest.param(lambda db, settings: Gauges(CATALOG.views).read(db, settings.sql_timeout_s), id="gauges"),
        pytest.param(
            lambda db, settings: QueryService(db, settings, CATALOG).query(QueryRequest("FROM order_events LIMIT 1")),
            id="query",
        ),
    ],
)
def test_versions_are_freed(tmp_path: Path, ask: Ask) -> None:
    """After it, the file's one writer changes a table many times."""
    settings = Settings(data_dir=tmp_path)
    db = connect(settings)
    try:
        Store(db, CATALOG, "cluster")
        ask(db, settings)
        writer = db.cursor()
        writer.execute("CREATE TABLE changed AS SELECT range AS number FROM range(100000)")
        for turn in range(60):
            writer.execute("UPDATE changed SET number = number + ? WHERE number % 2 = 0", [2 * turn])
        assert versions(writer) < KEPT_BYTES
    finally:
        db.close()


def test_no_result_is_left_half_read() -> None:
    """`fetchone` leaves the rest of a result, and its transaction, on a connection that may be idle from then on."""
    folder = Path(streamgauge.__file__).parent
    found = [
        str(path.relative_to(folder))
        for room in ("warehouse", "deltas")
        for path in (folder / room).rglob("*.py")
        if re.search(r"\.fetch(one|many)\(", path.read_text(encoding="utf-8"))
    ]
    assert found == []
