"""Exactness on a real broker: every table equals the generator's ledger, to the last event."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from streamgauge.warehouse.client import Warehouse
from tests.support import audit
from tests.support.figures import events_visible
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    # Small deltas: a transaction has many messages, and fetches end in its middle.
    with new_rig(commit_interval_ms=100, flush_interval_ms=100, delta_max_bytes=20_000) as rig:
        yield rig


def disagreement(warehouse: Warehouse) -> str:
    """Windows against raw rows, by stream, in one query: the results of a batch must be in all tables or in none."""
    events = " UNION ALL ".join(f"SELECT '{stream}' AS stream FROM {table}" for stream, table in audit.RAW.items())
    rows = warehouse.query(
        f"WITH kept AS ({events} UNION ALL SELECT stream FROM dead_letters), "
        "rows AS (SELECT stream, count(*) AS n FROM kept GROUP BY 1), "
        "windows AS (SELECT stream, sum(events) AS n FROM stream_windows GROUP BY 1) "
        "SELECT stream, w.n AS counted, r.n AS kept FROM windows w FULL JOIN rows r USING (stream) "
        "WHERE w.n IS DISTINCT FROM r.n"
    )
    return "" if rows.num_rows == 0 else str(rows.to_pylist())


@pytest.mark.timeout(240)
def test_every_table_equals_the_ledger(rig: Rig, warehouse: Warehouse) -> None:
    """200,000 events, invalid and late ones among them: windows, latest, raw, dead letters; valid + dead = produced.

    Until then, whenever it is queried, the results of a batch are in all tables or in none.
    """
    rig.start("warehouse")
    rig.start("process", "analytics")
    ledger_file = rig.folder / "ledger.json"
    command = ("generate", "--rate", "0", "--count", "200000", "--invalid", "0.01", "--late", "0.02")
    generator = rig.start(*command, "--ledger", str(ledger_file), ready=False)
    queries = 0
    while generator.process.poll() is None or events_visible(warehouse) < 200_000:
        assert disagreement(warehouse) == ""
        queries += 1
    assert queries > 5, "too few queries for a proof"
    assert generator.process.wait() == 0, generator.log.read_text()
    ledger = json.loads(ledger_file.read_text())
    assert ledger["produced"] == 200_000
    assert ledger["invalid"] > 1_000
    assert ledger["late"] > 1_000

    wait_until(lambda: events_visible(warehouse) >= ledger["produced"], "all events visible", 90)
    assert audit.differences(ledger, warehouse) == []
    for worker in rig.workers:
        assert worker.process.poll() is not None or worker.stop() == 0


@pytest.mark.timeout(120)
def test_the_audit_finds_what_is_missing(rig: Rig, warehouse: Warehouse) -> None:
    """Check of the audit itself: a ledger with one order more, or one cent more, is not equal."""
    rig.start("warehouse")
    ledger = json.loads((rig.folder / "ledger.json").read_text())
    ledger["streams"]["orders"]["produced"] += 1
    ledger["tables"]["order_windows"][0]["revenue_cents"] += 1
    found = "\n".join(audit.differences(ledger, warehouse))
    assert "orders: events" in found
    assert "order_windows" in found


@pytest.mark.timeout(120)
def test_a_deleted_file_is_rebuilt_from_the_log(rig: Rig, warehouse: Warehouse) -> None:
    """The file is disposable: the tables are read models over `analytics`."""
    for worker in rig.workers:
        if worker.process.poll() is None:
            worker.stop()
    for file in rig.settings.data_dir.glob("warehouse.duckdb*"):
        file.unlink()
    rig.start("warehouse")
    ledger = json.loads((rig.folder / "ledger.json").read_text())
    wait_until(lambda: events_visible(warehouse) >= ledger["produced"], "all events visible again", 90)
    assert audit.differences(ledger, warehouse) == []
