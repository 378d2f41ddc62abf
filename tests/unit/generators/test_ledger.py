"""The ledger equals a naive recount of the published bytes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.encode import Event
from generators.ledger import Ledger
from generators.shop import Shop

START = 1_760_000_000_000
# event type -> window column; the sum of `quantity` for stock, counts for the rest
COLUMNS = {
    "order.placed": "orders",
    "order.confirmed": "confirmed",
    "order.cancelled": "cancelled",
    "order.completed": "completed",
    "stock.received": "received",
    "stock.reserved": "reserved",
    "stock.released": "released",
    "stock.shipped": "shipped",
    "stock.rejected": "rejected",
    "ad.impression": "impressions",
    "ad.click": "clicks",
    "email.sent": "emails_sent",
    "email.opened": "emails_opened",
    "promotion.redeemed": "redemptions",
    "payment.requested": "requested",
    "payment.authorised": "authorised",
    "payment.declined": "declined",
    "payment.refunded": "refunded",
    "shipment.requested": "requested",
    "shipment.dispatched": "dispatched",
    "shipment.delivered": "delivered",
    "shipment.failed": "failed",
}
DIMENSIONS = {
    "order_windows": ("region", "channel", "payment_method"),
    "inventory_windows": ("location",),
    "marketing_windows": ("campaign_id", "channel"),
    "payment_windows": ("method",),
    "shipment_windows": ("carrier", "region"),
}
TABLES = dict(zip(("orders", "inventory", "marketing", "payments", "shipments"), DIMENSIONS, strict=True))


def recount(events: list[Event]) -> dict[str, Any]:
    """Recount from the bytes alone; only validity is taken from the label (test_faults checks it)."""
    types: Counter[str] = Counter()
    minutes: dict[str, Counter[str]] = {}
    tables: dict[str, dict[tuple[str, ...], Counter[str]]] = {table: {} for table in DIMENSIONS}
    orders: dict[str, str] = {}
    stock: dict[tuple[str, str], dict[str, Any]] = {}
    for topic, _, value, kind, *_ in events:
        if not kind:
            continue
        event = json.loads(value or b"null")
        kind = event["event_type"]
        types[kind] += 1
        moment = datetime.fromtimestamp(event["occurred_at"] // 60_000 * 60, UTC)
        minutes.setdefault(moment.isoformat().replace("+00:00", "Z"), Counter())[kind] += 1
        table = TABLES[topic]
        cell = tables[table].setdefault(tuple(event[name] for name in DIMENSIONS[table]), Counter())
        if kind in COLUMNS:
            cell[COLUMNS[kind]] += event["quantity"] if topic == "inventory" else 1
        if kind == "order.placed":
            cell["units"] += sum(line["quantity"] for line in event["items"])
            cell["revenue_cents"] += event["amount_cents"]
        if topic == "marketing":
            cell["cost_cents"] += event["cost_cents"]
        if kind in ("payment.authorised", "payment.refunded"):
            cell[f"{COLUMNS[kind]}_cents"] += event["amount_cents"]
        if topic == "orders":
            orders[event["order_id"]] = kind
        if topic == "inventory":
            stock[event["sku"], event["location"]] = event
    return {"types": types, "minutes": minutes, "tables": tables, "orders": orders, "stock": stock}


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 20_000),
    invalid=st.sampled_from((0.0, 0.05)),
    late=st.sampled_from((0.0, 0.2)),
    pieces=st.integers(1, 5),
)
@settings(max_examples=6, deadline=None)
def test_the_ledger_equals_a_naive_recount(seed: int, count: int, invalid: float, late: float, pieces: int) -> None:
    events = list(Shop(seed, START, 4_000.0, invalid=invalid, late=late).events(count))
    ledger = Ledger()
    for piece in range(pieces):
        ledger.add(events[count * piece // pieces : count * (piece + 1) // pieces])
        ledger.totals()  # looking changes nothing
    totals, expected = ledger.totals(), recount(events)
    assert totals["produced"] == count
    assert totals["valid"] + totals["invalid"] == count
    assert totals["types"] == expected["types"]
    assert totals["minutes"] == expected["minutes"]
    for table, names in DIMENSIONS.items():
        rows = totals["tables"][table]
        found = {tuple(row[name] for name in names): row for row in rows}
        assert len(found) == len(rows)
        assert found.keys() == expected["tables"][table].keys()
        for dimensions, row in found.items():
            cell = expected["tables"][table][dimensions]
            measures = {name: number for name, number in row.items() if name not in names}
            assert measures == {name: cell[name] for name in measures}
            assert not cell.keys() - measures.keys()
    last = Counter(expected["orders"].values())
    assert totals["latest"]["orders"] == {"distinct": len(expected["orders"]), "by_event_type": last}
    assert totals["latest"]["stock"] == [
        {name: event[name] for name in ("sku", "location", "event_type", "on_hand", "reserved")}
        for _, event in sorted(expected["stock"].items())
    ]
    for stream, entry in totals["streams"].items():
        own = [event for event in events if event[0] == stream]
        assert entry["produced"] == len(own)
        assert entry["valid"] == sum(bool(event[3]) for event in own)
        assert entry["invalid"] == Counter(event[5] for event in own if not event[3])
        assert entry["late"] == sum(event[8] for event in own)
        assert entry["bytes"] == sum(len(event[2] or b"") for event in own)
        assert entry["valid_bytes"] == sum(len(event[2] or b"") for event in own if event[3])
    assert ledger.produced() == {stream: entry["produced"] for stream, entry in totals["streams"].items()}


def test_the_file_is_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "made" / "ledger.json"
    ledger = Ledger()
    ledger.write(path, {"complete": False})
    assert json.loads(path.read_text())["produced"] == 0
    ledger.add(Shop(1, START).events(500))
    ledger.write(path, {"complete": True})
    written = json.loads(path.read_text())
    assert written["run"] == {"complete": True}
    assert {name: entry for name, entry in written.items() if name not in ("run", "version")} == ledger.totals()
    assert [file.name for file in path.parent.iterdir()] == ["ledger.json"]


def test_an_empty_ledger_has_every_stream_and_table() -> None:
    totals = Ledger().totals()
    assert list(totals["streams"]) == ["orders", "inventory", "marketing", "payments", "shipments"]
    assert all(entry["produced"] == 0 for entry in totals["streams"].values())
    assert totals["tables"] == {table: [] for table in DIMENSIONS}


@pytest.mark.parametrize("forbidden", ["catalog", "warehouse", "processors"])
def test_the_ledger_shares_no_code_with_what_it_checks(forbidden: str) -> None:
    import generators

    for module in Path(generators.__path__[0]).glob("*.py"):
        source = module.read_text()
        assert f"import {forbidden}" not in source
        assert f"from {forbidden}" not in source
