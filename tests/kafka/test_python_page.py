"""docs/python.md: its blocks run in order, as in a notebook, against a warehouse with an hour of orders."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from streamgauge import query
from streamgauge.catalog import loader
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.process import Process
from streamgauge.warehouse.client import WarehouseUnavailable
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.store import Store, connect
from tests.repo.files import ROOT

BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
REGIONS = ("eu-central", "us-east")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A warehouse that the environment's settings lead to: sixty windows for two regions, one order of 10.00 each."""
    monkeypatch.setenv("STREAMGAUGE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STREAMGAUGE_SQL_PORT", str(free_port()))
    settings, catalog = settings_module.load(), loader.load("streamgauge.catalog.commerce")
    (model,) = (entry for entry in catalog.models if entry.name == "order_windows")
    db = connect(settings)
    with server.serve(Process("warehouse", settings, threading.Event()), db, catalog):
        store = Store(db, catalog, "cluster")
        with duckdb.connect() as types:
            columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in model.columns.items())
            schema = types.execute(f"SELECT {columns}").to_arrow_table().schema
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
        rows = [
            {**dict.fromkeys(schema.names, 0), "channel": "web", "payment_method": "card"}
            | {"window_start": start + timedelta(seconds=10 * number), "region": region}
            | {"orders": 1, "revenue_cents": 1_000}
            for number in range(60)
            for region in REGIONS
        ]
        store.merge({"order_windows": pa.Table.from_pylist(rows, schema=schema)}, {0: 0})
        yield
    db.close()


@pytest.mark.usefixtures("warehouse")
def test_every_block_runs_and_has_the_figures() -> None:
    assert len(BLOCKS) == 7
    cells: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), cells)  # noqa: S102 - the page's own code
    assert isinstance(cells["revenue"], pa.Table)
    assert cells["by_region"].to_dict("index") == {name: {"orders": 60, "revenue": 600.0} for name in REGIONS}
    assert len(cells["figure"].data) == 2
    assert cells["best"].fetchall() == [(name, 10.0) for name in REGIONS]
    assert (cells["n"], cells["totals"]) == (60, dict.fromkeys(REGIONS, 60))
    assert cells["earlier"].num_rows == 1
    assert cells["rule"] == "sql"
    assert "revenu" in cells["message"]


def test_without_a_warehouse_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_DATA_DIR", str(tmp_path))
    with pytest.raises(WarehouseUnavailable, match="`streamgauge up`"):
        query("SELECT 1")
