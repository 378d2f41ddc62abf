"""Timers: which order of a partition is due when, as an index in the partition's own state, with the same durability.

Orders are filed in slots of a quarter second, each one growing value; a pointer marks the slots that have been handed
out. An order may be filed several times, and one that is handed out may no longer be due: the saga's deadline decides.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

SLOT_MS = 250
# Limits of one tick, so that a long list after an outage does not delay the events behind it.
MOST_ORDERS, MOST_SLOTS = 500, 20_000
_UP_TO = "up_to"
_END = b"\n"  # between ids written as JSON, which have none inside


class Store(Protocol):
    """The part of Quix's `State` that is used."""

    def get(self, key: str) -> Any:
        """A value."""

    def set(self, key: str, value: Any) -> None:
        """Store a value."""

    def get_bytes(self, key: str) -> bytes | None:
        """A value as bytes."""

    def set_bytes(self, key: str, value: bytes) -> None:
        """Store bytes."""

    def delete(self, key: str) -> None:
        """Remove a value."""


def schedule(store: Store, order_id: str, at_ms: int, now_ms: int) -> None:
    """Schedule `order_id` for the first tick after `at_ms`."""
    up_to = store.get(_UP_TO)
    if up_to is None:
        up_to = now_ms // SLOT_MS
        store.set(_UP_TO, up_to)
    # Not before the pointer: the clock of another replica may have been ahead.
    key = _key(max(-(-at_ms // SLOT_MS), up_to))
    store.set_bytes(key, (store.get_bytes(key) or b"") + json.dumps(order_id).encode() + _END)


def due(store: Store, now_ms: int, most_orders: int = MOST_ORDERS, most_slots: int = MOST_SLOTS) -> list[str]:
    """Remove and return the orders that are due, the oldest first, within the limits of one tick."""
    up_to, now = store.get(_UP_TO), now_ms // SLOT_MS
    if up_to is None or up_to > now:
        return []
    found: list[bytes] = []
    slot = up_to
    while slot <= now and slot - up_to < most_slots:
        filed = store.get_bytes(_key(slot))
        if filed:
            orders = filed.split(_END)[:-1]
            room = most_orders - len(found)
            found += orders[:room]
            if len(orders) > room:
                store.set_bytes(_key(slot), b"".join(order + _END for order in orders[room:]))
                break
            store.delete(_key(slot))
        slot += 1
    store.set(_UP_TO, slot)
    return [json.loads(order) for order in found]


def behind_ms(store: Store, now_ms: int) -> int:
    """How far (ms) the pointer is behind the clock."""
    up_to = store.get(_UP_TO)
    return 0 if up_to is None else max(0, now_ms - up_to * SLOT_MS)


def _key(slot: int) -> str:
    return f"slot/{slot}"
