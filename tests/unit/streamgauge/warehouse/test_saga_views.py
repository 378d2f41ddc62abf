"""Stuck sagas, the compensation ledger and residues against figures by hand."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.streamgauge.warehouse.commerce import Commerce

NOW = datetime.now(UTC)
ADDRESS = {"customer_id": "C-1", "region": "eu", "currency": "EUR"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commerce:
    # "Ago" is counted from the test's own start: this file may have been imported minutes before.
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))
    return Commerce(tmp_path)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def saga(shop: Commerce, order_id: str, state: str, at: float, attempt: int = 1, deadline: float | None = None) -> None:
    kind = {"completed": "completed", "compensated": "compensated", "failed": "failed"}.get(state, "advanced")
    shop.publish(
        f"saga.{kind}", ago(at), order_id=order_id, state=state, started_at=ago(1_000), amount_cents=500,
        attempt=attempt, deadline_at=None if deadline is None else ago(deadline),
    )  # fmt: skip


def place(shop: Commerce, order_id: str) -> None:
    shop.publish(
        "order.placed", ago(1_000), order_id=order_id, channel="web", payment_method="card", amount_cents=500,
        items=[], **ADDRESS,
    )  # fmt: skip


def pay(shop: Commerce, order_id: str, kind: str, cents: int = 500) -> dict[str, object]:
    return shop.publish(
        f"payment.{kind}", ago(900), order_id=order_id, payment_id=f"P-{order_id}", method="card", amount_cents=cents,
        **ADDRESS,
    )  # fmt: skip


def stock(shop: Commerce, order_id: str, kind: str, quantity: int = 2) -> dict[str, object]:
    fields = {"sku": "A", "location": "berlin", "on_hand": 9, "reserved": 9}
    return shop.publish(f"stock.{kind}", ago(900), order_id=order_id, quantity=quantity, **fields)


def ship(shop: Commerce, order_id: str, kind: str) -> None:
    shop.publish(f"shipment.{kind}", ago(900), order_id=order_id, shipment_id=f"S-{order_id}", carrier="x", region="eu")


STUCK = "SELECT order_id, state, round(age_seconds)::INT, past_deadline FROM sagas_stuck ORDER BY ALL"


def test_a_saga_is_stuck_past_its_deadline_or_far_beyond_the_usual_time(shop: Commerce) -> None:
    for number in range(30):  # others took 10 s to be paid, and 100 s to be delivered
        saga(shop, f"O-{number}", "requesting_payment", 800)
        saga(shop, f"O-{number}", "shipping", 790)
        saga(shop, f"O-{number}", "completed", 690)
    assert shop.select("SELECT state, sagas, p50_seconds, p95_seconds FROM saga_step_times ORDER BY state") == [
        ("requesting_payment", 30, 10.0, 10.0),
        ("shipping", 30, 100.0, 100.0),
    ]
    saga(shop, "slow", "requesting_payment", 60, 1, 40)  # since a minute, though its present attempt may still wait
    saga(shop, "slow", "requesting_payment", 30, 2, -600)
    saga(shop, "usual", "shipping", 60, 1, -600)
    saga(shop, "untended", "shipping", 40, 1, 15)  # nobody timed it out
    saga(shop, "just due", "shipping", 40, 1, 2)
    shop.flush()
    elapsed = (datetime.now(UTC) - NOW).total_seconds()
    rows = [(order, state, age - round(elapsed), past) for order, state, age, past in shop.select(STUCK)]
    assert [(order, state, past) for order, state, _age, past in rows] == [
        ("slow", "requesting_payment", False),
        ("untended", "shipping", True),
    ]
    assert abs(rows[0][2] - 60) <= 1
    assert shop.select("SELECT step, retries FROM sagas WHERE order_id = 'slow'") == [("payment", 1)]


def test_a_sagas_history(shop: Commerce) -> None:
    saga(shop, "O-1", "requesting_payment", 100)
    saga(shop, "O-1", "requesting_payment", 90, 2)
    saga(shop, "O-1", "releasing_stock", 70)
    rows = shop.select("SELECT state, attempts, milliseconds FROM saga_steps ORDER BY entered_at")
    assert rows == [("requesting_payment", 2, 30_000), ("releasing_stock", 1, None)]


LEDGER = """
SELECT order_id, authorised_cents, refunded_cents, reserved_units, released_units, shipped_units, residue_cents,
       residue_units FROM compensations ORDER BY order_id
"""
RESIDUES = "SELECT order_id, residue_cents, residue_units, orders, cents, units FROM saga_residues ORDER BY order_id"


def test_the_ledger_counts_each_reply_once_and_shows_the_residue(shop: Commerce) -> None:
    for order_id in ("bought", "given back", "kept", "twice"):
        place(shop, order_id)
        shop.republish(pay(shop, order_id, "authorised"))
        shop.republish(stock(shop, order_id, "reserved"))
    ship(shop, "bought", "delivered")
    shop.republish(stock(shop, "bought", "shipped"))
    shop.republish(pay(shop, "given back", "refunded"))
    shop.republish(stock(shop, "given back", "released"))
    stock(shop, "kept", "released", 1)
    pay(shop, "twice", "refunded")
    pay(shop, "twice", "refunded")  # two refunds, not one told twice
    stock(shop, "twice", "released")
    for order_id, state in (("bought", "completed"), ("given back", "compensated"), ("kept", "failed")):
        saga(shop, order_id, state, 600)
    saga(shop, "twice", "compensated", 600)
    assert shop.select(LEDGER) == [
        ("bought", 500, 0, 2, 0, 2, 0, 0),
        ("given back", 500, 500, 2, 2, 0, 0, 0),
        ("kept", 500, 0, 2, 1, 0, 500, 1),
        ("twice", 500, 1_000, 2, 2, 0, -500, 0),
    ]
    # The first of the raw events is no older than the sagas here, so too much moved back might be retention's doing.
    assert shop.select(RESIDUES) == [("kept", 500, 1, 1, 500, 1)]


def test_overcompensation_shows_only_where_all_events_are_kept(shop: Commerce) -> None:
    place(shop, "older")
    shop.publish(
        "payment.authorised", ago(5_000), order_id="older", payment_id="P", method="card", amount_cents=1, **ADDRESS
    )
    shop.publish("stock.received", ago(5_000), sku="A", location="b", quantity=1, on_hand=1, reserved=0)
    place(shop, "twice")
    pay(shop, "twice", "authorised")
    pay(shop, "twice", "refunded")
    pay(shop, "twice", "refunded")
    saga(shop, "twice", "compensated", 600)
    assert shop.select(RESIDUES) == [("twice", -500, 0, 1, 500, 0)]
    # A saga that ended a moment ago may be waiting for its write-off; one of yesterday is told no more.
    place(shop, "fresh")
    pay(shop, "fresh", "authorised")
    saga(shop, "fresh", "compensated", 5)
    assert shop.select(RESIDUES) == [("twice", -500, 0, 1, 500, 0)]
