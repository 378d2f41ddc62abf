"""Valid events of the commerce catalog as dicts of their JSON, each with the fields that a test changes."""

from __future__ import annotations

import time
from typing import Any

Event = dict[str, Any]


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return int(time.time() * 1_000)


def event(event_type: str, /, **fields: Any) -> Event:
    """The five fields of every event, with a unique id and the present time, then `fields`, which may replace them."""
    envelope = {"occurred_at": now_ms(), "source": "test", "schema_version": 1}
    return {"event_id": f"e{time.monotonic_ns()}", "event_type": event_type, **envelope, **fields}


def order(order_id: str, **changes: Any) -> Event:
    """A placed order without items."""
    fields = {"customer_id": "C-1", "region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR"}
    placed = event("order.placed", order_id=order_id, **fields, amount_cents=100, items=[])
    return {**placed, **changes}


def payment(number: int, **changes: Any) -> Event:
    """A payment request."""
    fields = {"payment_id": f"P-{number}", "order_id": f"O-{number}", "customer_id": "C-1", "method": "card"}
    return {**event("payment.requested", **fields, amount_cents=100, currency="EUR"), **changes}


def shipment(number: int, **changes: Any) -> Event:
    """A shipment request."""
    fields = {"shipment_id": f"S-{number}", "order_id": f"O-{number}", "carrier": "dhl", "region": "eu"}
    return {**event("shipment.requested", **fields), **changes}


def stock(number: int, **changes: Any) -> Event:
    """Stock received."""
    fields = {"sku": f"K-{number}", "location": "hub", "quantity": 1, "on_hand": 5, "reserved": 0}
    return {**event("stock.received", **fields), **changes}
