"""Queries that would take all memory or all time: each ends, the memory stays bounded, and others are answered."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from streamgauge.catalog.loader import Catalog
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import QueryError, Warehouse
from streamgauge.warehouse.sql import memory, query_service, results, server
from streamgauge.warehouse.sql.query_service import QueryService
from streamgauge.warehouse.store import Store, connect
from tests.unit.streamgauge.warehouse.sql import exhaustion

# Each makes values beyond DuckDB's memory limit of 200 MB, which does not count them.
HUGE = (
    "SELECT len(range(400000000))",
    "SELECT len(generate_series(1, 400000000))",
    "SELECT [1] || range(400000000)",
    "WITH RECURSIVE r AS (SELECT [1] AS x UNION ALL SELECT list_concat(x, x) FROM r WHERE len(x) < 400000000) "
    "SELECT max(len(x)) FROM r",
    "SELECT len(list_transform(range(3000), x -> list_transform(range(3000), y -> range(100))))",
    "SELECT len(format('{:>500000000}', 'x'))",
    "SELECT len(string_agg(a.range::VARCHAR, ',')) FROM range(100000) a, range(100000) b",
)
# One value, little memory, a second of work that no interrupt ends.
DEAF = "SELECT levenshtein(format('{:>30000}', 'x'), format('{:<30000}', 'y'))"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_huge_value_ends_the_query_that_makes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", exhaustion.__name__, str(tmp_path), *HUGE, "SELECT 1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    *outcomes, peak = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["rule"] for one in outcomes[:3]] == ["memory"] * 3, "these need one block of 4 GB each"
    assert {one["rule"] for one in outcomes[3:-1]} <= {"memory", "timeout"}
    assert outcomes[-1]["rule"] == "ok"
    # What the process has at its start, and what grows between two checks, come on top.
    assert peak["peak_mb"] < 200 + memory.LEAST_HEADROOM_BYTES / 1e6 + 500


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Settings, QueryService]]:
    monkeypatch.setattr(server, "LATE_S", 0.2)
    monkeypatch.setattr(query_service, "DEAF_S", 0.2)
    settings = Settings(data_dir=tmp_path, sql_port=free_port(), sql_timeout_s=0.2)
    catalog = Catalog("test", {}, (), ())
    db = connect(settings)
    Store(db, catalog, "cluster")
    with server.serve(Process("warehouse", settings, threading.Event()), db, catalog) as service:
        yield settings, service
    db.close()


def test_a_query_that_hears_no_interrupt_is_answered_in_time_and_noticed(
    queries: tuple[Settings, QueryService],
) -> None:
    settings, service = queries
    with Warehouse(settings) as warehouse:
        assert service.deaf() is None
        with pytest.raises(QueryError) as refused:
            warehouse.query(DEAF)
        assert refused.value.rule == "timeout"
        # It runs on; others are answered meanwhile.
        assert warehouse.query("SELECT 1 AS one")["one"].to_pylist() == [1]
        noticed, deadline = None, time.monotonic() + 30
        while noticed is None and time.monotonic() < deadline:
            noticed = service.deaf()
        assert noticed == DEAF
        while service.deaf() is not None:
            time.sleep(0.05)


def test_a_query_that_ends_in_time_is_not_deaf(queries: tuple[Settings, QueryService]) -> None:
    settings, service = queries
    with Warehouse(settings) as warehouse, pytest.raises(QueryError):
        warehouse.query("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11")
    time.sleep(0.3)
    assert service.deaf() is None


def test_a_result_too_large_for_its_format_says_so(
    queries: tuple[Settings, QueryService], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(_rows: pa.Table) -> bytes:
        raise MemoryError

    settings, _ = queries
    monkeypatch.setitem(results.WRITERS, results.JSON, no_memory)
    with Warehouse(settings) as warehouse, pytest.raises(QueryError) as refused:
        warehouse.fetch("SELECT 1", results.JSON)
    assert refused.value.rule == "memory"
    assert "STREAMGAUGE_WAREHOUSE_MEMORY" in str(refused.value)


@pytest.mark.parametrize("rows", [0, 1, 9_999, 10_000, 25_001])
def test_json_written_in_parts_is_one_array(rows: int) -> None:
    table = pa.table({"n": list(range(rows))}, schema=pa.schema([("n", pa.int64())]))
    assert json.loads(results.to_json(table)) == [{"n": n} for n in range(rows)]
