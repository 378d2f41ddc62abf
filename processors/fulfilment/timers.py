"""Which order of a partition is due when: an index in the partition's own state, so it survives what that survives.

Orders are filed under the quarter second in which they are due, each as one growing value, and a pointer says up to
where all has been handed out. An order may be filed several times, and what is handed out may not be due any more: the
saga's own deadline decides.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

SLOT_MS = 250
# Of one tick, so that a long list after an outage does not hold up the events behind it.
MOST_ORDERS, MOST_SLOTS = 500, 20_000
_UP_TO = "up_to"
_END = b"\n"  # between ids written as JSON, which have none inside


class Store(Protocol):
    """What of Quix's `State` is used."""

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


def file(store: Store, order_id: str, at_ms: int, now_ms: int) -> None:
    """Hand `order_id` out at the first tick after `at_ms`."""
    up_to = store.get(_UP_TO)
    if up_to is None:
        up_to = now_ms // SLOT_MS
        store.set(_UP_TO, up_to)
    # Not before the pointer: another replica's clock may have been ahead of ours.
    key = _key(max(-(-at_ms // SLOT_MS), up_to))
    store.set_bytes(key, (store.get_bytes(key) or b"") + json.dumps(order_id).encode() + _END)


def due(store: Store, now_ms: int, most_orders: int = MOST_ORDERS, most_slots: int = MOST_SLOTS) -> list[str]:
    """Take out what is due, the oldest first, within the bounds of one tick."""
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
    """How far the pointer is behind the clock."""
    up_to = store.get(_UP_TO)
    return 0 if up_to is None else max(0, now_ms - up_to * SLOT_MS)


def _key(slot: int) -> str:
    return f"slot/{slot}"
