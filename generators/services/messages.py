"""Messages of the services: one class for all requests, and replies as JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

INVENTORY, PAYMENTS, SHIPMENTS, FULFILMENT = "inventory", "payments", "shipments", "fulfilment"
_SOURCES = {INVENTORY: "inventory", PAYMENTS: "payments", SHIPMENTS: "shipping"}


class Item(msgspec.Struct, gc=False):
    """One line of an order."""

    sku: str
    quantity: int


class Event(msgspec.Struct, gc=False):
    """An event of any of the four topics, with the fields that the services use."""

    event_id: str
    event_type: str
    occurred_at: int = 0
    order_id: str | None = None
    state: str | None = None
    attempt: int | None = None
    items: list[Item] | None = None
    payment_id: str | None = None
    customer_id: str | None = None
    method: str | None = None
    amount_cents: int = 0
    currency: str | None = None
    card: str | None = None
    region: str | None = None
    shipment_id: str | None = None
    carrier: str | None = None
    sku: str | None = None
    location: str | None = None
    quantity: int = 0
    on_hand: int = 0
    reserved: int = 0
    reason: str | None = None


class Reply(NamedTuple):
    """An event to publish; `repeated` if it was decided, and perhaps published, before."""

    topic: str
    key: str
    event_id: str
    event_type: str
    occurred_at: int
    fields: dict[str, Any]
    repeated: bool = False


decode = msgspec.json.Decoder(Event).decode
_encode = msgspec.json.Encoder().encode


def encode(reply: Reply) -> bytes:
    """The event as JSON; fields that are None are left out."""
    return _encode(
        {
            "event_id": reply.event_id,
            "event_type": reply.event_type,
            "occurred_at": reply.occurred_at,
            "source": _SOURCES[reply.topic],
            "schema_version": 1,
            **{name: value for name, value in reply.fields.items() if value is not None},
        }
    )


class BoundedDict(dict[str, Any]):
    """A dictionary of at most `most` entries, which drops the oldest: sagas last minutes, its entries hours."""

    def __init__(self, most: int = 300_000) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
