"""Rows and events of commerce that the tests of several pages add to the warehouse."""

from __future__ import annotations

from typing import Any

from tests.unit.dashboard.fakes import FakeWarehouse

PAID = {"customer_id": "C-1", "method": "card", "currency": "EUR"}
TYPES = {"reserving_stock": "saga.started", "completed": "saga.completed", "compensated": "saga.compensated"}


def add_order_window(warehouse: FakeWarehouse, seconds: float, orders: int, cents: int, **more: Any) -> None:
    """Add a window of placed orders, so many seconds ago."""
    where = {"region": "eu", "channel": "web", "payment_method": "card", **more}
    warehouse.add("order_windows", window_start=warehouse.window(seconds), orders=orders, revenue_cents=cents, **where)


def publish_saga_state(
    warehouse: FakeWarehouse, order: str, state: str, seconds: float, began: float, **more: Any
) -> None:
    """Publish that the saga of an order entered a state; it began `began` seconds ago."""
    kind = TYPES.get(state, "saga.compensating" if state.startswith(("rel", "ref")) else "saga.advanced")
    saga = {"order_id": order, "state": state, "started_at": warehouse.ago(began), "amount_cents": 50_00, "attempt": 1}
    warehouse.publish(kind, warehouse.ago(seconds), **{**saga, **more})


def publish_payment(warehouse: FakeWarehouse, order: str, kind: str, seconds: float, cents: int = 50_00) -> None:
    """Publish a payment event of an order, so many seconds ago."""
    warehouse.publish(kind, warehouse.ago(seconds), order_id=order, payment_id=f"P-{order}", amount_cents=cents, **PAID)
