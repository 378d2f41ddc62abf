"""The event contract, written by hand and independent of the catalog's code."""

from __future__ import annotations

from typing import Any

COMMON = {"event_id": str, "event_type": str, "occurred_at": int, "source": str, "schema_version": int}
KEYS = {
    "orders": "order_id",
    "inventory": "sku",
    "marketing": "customer_id",
    "payments": "order_id",
    "shipments": "order_id",
}
TYPES = {
    "orders": {"order.placed", "order.confirmed", "order.cancelled", "order.completed"},
    "inventory": {"stock.received", "stock.reserved", "stock.released", "stock.shipped", "stock.rejected"},
    "marketing": {"ad.impression", "ad.click", "email.sent", "email.opened", "promotion.redeemed"},
    "payments": {
        "payment.requested",
        "payment.authorised",
        "payment.declined",
        "payment.refund_requested",
        "payment.refunded",
    },
    "shipments": {"shipment.requested", "shipment.dispatched", "shipment.delivered", "shipment.failed"},
}
REQUIRED: dict[str, dict[str, type]] = {
    "orders": {
        "order_id": str,
        "customer_id": str,
        "region": str,
        "channel": str,
        "payment_method": str,
        "currency": str,
        "amount_cents": int,
        "items": list,
    },
    "inventory": {"sku": str, "location": str, "quantity": int, "on_hand": int, "reserved": int},
    "marketing": {"campaign_id": str, "channel": str, "customer_id": str, "cost_cents": int},
    "payments": {
        "payment_id": str,
        "order_id": str,
        "customer_id": str,
        "method": str,
        "amount_cents": int,
        "currency": str,
    },
    "shipments": {"shipment_id": str, "order_id": str, "carrier": str, "region": str},
}
OPTIONAL = {
    "orders": {"campaign_id", "reason"},
    "inventory": {"order_id"},
    "marketing": {"order_id"},
    "payments": {"reason"},
    "shipments": {"reason"},
}
METHODS = {"card", "wallet", "bank_transfer", "bnpl"}
CHOICES = {
    ("orders", "channel"): {"web", "mobile", "store", "marketplace"},
    ("orders", "payment_method"): METHODS,
    ("payments", "method"): METHODS,
    ("marketing", "channel"): {"search", "social", "email", "display"},
}
LEAST = {"amount_cents": 0, "cost_cents": 0, "on_hand": 0, "reserved": 0, "quantity": 1}
# Nobody knows these; a consumer ignores them.
UNKNOWN = {"note", "client"}


def breaches(topic: str, key: str, event: dict[str, Any]) -> list[str]:
    """The violations of the contract in an event; empty if it is valid."""
    wrong = []
    for name, kind in (COMMON | REQUIRED[topic]).items():
        if type(event.get(name)) is not kind:
            wrong.append(f"{name} is {event.get(name)!r}")
        elif kind is str and not event[name]:
            wrong.append(f"{name} is empty")
        elif kind is int and not LEAST.get(name, 0) <= event[name] < 2**63:
            wrong.append(f"{name} is {event[name]}")
    for name in set(event) - set(COMMON) - set(REQUIRED[topic]):
        if name in OPTIONAL[topic]:
            if event[name] is not None and not (isinstance(event[name], str) and event[name]):
                wrong.append(f"{name} is {event[name]!r}")
        elif name not in UNKNOWN:
            wrong.append(f"{name} is not in the contract")
    for (stream, name), choices in CHOICES.items():
        if stream == topic and event.get(name) not in choices:
            wrong.append(f"{name} is {event.get(name)!r}")
    if event.get("event_type") not in TYPES[topic]:
        wrong.append(f"event_type is {event.get('event_type')!r}")
    if event.get("schema_version") != 1:
        wrong.append("schema_version is not 1")
    if event.get(KEYS[topic]) != key:
        wrong.append(f"the key is {key}, and {KEYS[topic]} is {event.get(KEYS[topic])!r}")
    if topic == "orders":
        lines = event.get("items") or []
        if not lines:
            wrong.append("no items")
        for line in lines:
            if set(line) != {"sku", "quantity", "unit_price_cents"} or not (
                type(line["sku"]) is str
                and type(line["quantity"]) is int
                and line["quantity"] >= 1
                and type(line["unit_price_cents"]) is int
                and line["unit_price_cents"] >= 0
            ):
                wrong.append(f"item {line!r}")
        if sum(line["quantity"] * line["unit_price_cents"] for line in lines) != event.get("amount_cents"):
            wrong.append("the items do not add up to the amount")
    return wrong
