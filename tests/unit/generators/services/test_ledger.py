"""The services' ledger: each decision in its column, per order and in total; an atomic file."""

from __future__ import annotations

import json
from pathlib import Path

from generators.services.ledger import ServiceLedger


def test_money_and_units(tmp_path: Path) -> None:
    ledger = ServiceLedger(by_order=True)
    for kind, order, amount in (
        ("payment.authorised", "O1", 500),
        ("payment.refunded", "O1", 500),
        ("payment.refunded", "O2", 0),
        ("payment.declined", "O2", 900),
        ("stock.reserved", "O1", 2),
        ("stock.reserved", "O1", 3),
        ("stock.released", "O1", 5),
        ("stock.shipped", "O3", 1),
    ):
        ledger.record(kind, order, amount)
    ledger.write(tmp_path / "deep" / "moved.json", {"complete": True})
    written = json.loads((tmp_path / "deep" / "moved.json").read_text())
    assert written["totals"] == {
        "authorised_cents": 500,
        "refunded_cents": 500,
        "reserved": 5,
        "released": 5,
        "shipped": 1,
    }
    assert set(written["orders"]) == {"O1", "O3"}
    assert written["orders"]["O1"]["reserved"] == 5
    assert written["run"] == {"complete": True}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["moved.json"]


def test_without_orders_only_totals_are_kept() -> None:
    ledger = ServiceLedger(by_order=False)
    ledger.record("stock.shipped", "O1", 4)
    assert ledger.describe()["orders"] == {}
    assert ledger.totals["shipped"] == 4
