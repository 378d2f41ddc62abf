"""The stock service: units on hand and reserved, per SKU and location; one decision per item of an order.

| Command (`state` of a fulfilment event) | Item before | Reply |
|---|---|---|
| reserving_stock | unknown | stock.reserved, or stock.rejected where there is too little |
| reserving_stock | decided | the same reply again, with the same event_id |
| reserving_stock | the order is closed | stock.rejected |
| releasing_stock | reserved | stock.released; the order is closed |
| releasing_stock | not reserved | stock.rejected; the order is closed |
| releasing_stock | released before | the same reply again |
| completed | reserved | stock.shipped; the order is closed |

`on_hand` and `reserved` of a reply are the levels when it is published, also when it is repeated: the last event of a
SKU and location always has the current levels. 0 ≤ reserved ≤ on_hand.
"""

from __future__ import annotations

from collections.abc import Callable

from generators.services.decisions import Behaviour, location_of, not_on_the_shelf
from generators.services.ledger import ServiceLedger
from generators.services.messages import INVENTORY, BoundedDict, Event, Item, Reply

FIRST_LOT, LEAST_LOT, MOST_LOT = 60, 30, 1_000_000
# After a delivery that lasted less than the first time the next one is doubled, after the second time it is halved.
SOON_MS, LONG_MS = 45_000, 600_000
# A delivery is ordered when less than this part of a lot is left.
REORDER_PART = 0.35

Later = Callable[["Level", str], None]


class Level:
    """The stock of one SKU at one location."""

    __slots__ = ("delivered_at", "location", "lot", "on_hand", "ordered", "reserved", "sku")

    def __init__(self, sku: str, location: str) -> None:
        self.sku, self.location = sku, location
        self.on_hand = self.reserved = 0
        self.lot = FIRST_LOT
        self.ordered = False  # whether a delivery is on its way
        self.delivered_at = 0


class _Held:
    """An item of an order: its decisions, each with its time."""

    __slots__ = ("location", "quantity", "release_at", "release_reply", "reserve_at", "reserved", "shipped_at")

    def __init__(self, location: str, quantity: int) -> None:
        self.location, self.quantity = location, quantity
        self.reserve_at = self.release_at = self.shipped_at = 0
        self.reserved = False
        self.release_reply = ""


class _Order:
    __slots__ = ("closed", "items")

    def __init__(self) -> None:
        self.closed = False
        self.items: dict[str, _Held] = {}


class StockService:
    """Decides; publishes nothing itself. `reorder` is called with a level that needs a delivery, and the cause."""

    def __init__(self, behaviour: Behaviour, ledger: ServiceLedger, reorder: Later) -> None:
        self._behaviour, self._ledger, self._reorder = behaviour, ledger, reorder
        self._levels: dict[tuple[str, str], Level] = {}
        self._orders: dict[str, _Order] = BoundedDict()

    def handle(self, event: Event, now: int) -> list[Reply]:
        """The replies to a command; none to other events."""
        if event.order_id is None:
            return []
        order = self._orders.get(event.order_id)
        if order is None:
            order = self._orders[event.order_id] = _Order()
        if event.state == "reserving_stock":
            replies = []
            for sku, quantity in _lines(event.items or []).items():
                replies += self._reserve(event.order_id, order, sku, quantity, now)
            return replies
        if event.state == "releasing_stock":
            lines = {sku: held.quantity for sku, held in order.items.items()} | _lines(event.items or [])
            # Only with a reply: after a restart the log must show that it is closed.
            order.closed |= bool(lines)
            return [self._release(event.order_id, order, sku, quantity, now) for sku, quantity in lines.items()]
        if event.state == "completed":
            shipped = {sku: held for sku, held in order.items.items() if held.reserved and not held.release_at}
            order.closed |= bool(shipped)
            return [self._ship(event.order_id, sku, held, now) for sku, held in shipped.items()]
        return []

    def receive(self, level: Level, cause: str, now: int) -> Reply:
        """A delivery arrives; returns its event."""
        if level.delivered_at:
            lasted = now - level.delivered_at
            if lasted < SOON_MS:
                level.lot = min(MOST_LOT, level.lot * 2)
            elif lasted > LONG_MS:
                level.lot = max(LEAST_LOT, level.lot // 2)
        level.ordered, level.delivered_at = False, now
        level.on_hand += level.lot
        return self._reply("stock.received", level, f"{cause}-received-{level.location}", now, level.lot, None)

    def _level(self, sku: str, location: str) -> Level:
        level = self._levels.get((sku, location))
        if level is None:
            level = self._levels[sku, location] = Level(sku, location)
        return level

    def _reserve(self, order_id: str, order: _Order, sku: str, quantity: int, now: int) -> list[Reply]:
        held, replies = order.items.get(sku), []
        repeated = held is not None and held.reserve_at > 0
        if held is None:
            held = order.items[sku] = _Held(location_of(self._behaviour, order_id), quantity)
        level = self._level(sku, held.location)
        event_id = f"{order_id}-reserve-{sku}"
        if not repeated:
            held.reserve_at = now
            if not level.delivered_at and not level.on_hand:
                replies.append(self.receive(level, event_id, now))
            enough = level.on_hand - level.reserved >= quantity
            if enough and not order.closed and not not_on_the_shelf(self._behaviour, order_id, sku):
                held.reserved = True
                level.reserved += quantity
                self._ledger.record("stock.reserved", order_id, quantity)
            if level.on_hand - level.reserved < level.lot * REORDER_PART and not level.ordered:
                level.ordered = True
                self._reorder(level, event_id)
        kind = "stock.reserved" if held.reserved else "stock.rejected"
        replies.append(self._reply(kind, level, event_id, held.reserve_at, held.quantity, order_id, repeated))
        return replies

    def _release(self, order_id: str, order: _Order, sku: str, quantity: int, now: int) -> Reply:
        held = order.items.get(sku)
        if held is None:
            held = order.items[sku] = _Held(location_of(self._behaviour, order_id), quantity)
        level = self._level(sku, held.location)
        repeated = held.release_at > 0
        if not repeated:
            held.release_at = now
            if held.reserved and not held.shipped_at:
                held.release_reply = "stock.released"
                level.reserved -= held.quantity
                self._ledger.record("stock.released", order_id, held.quantity)
            else:
                held.release_reply = "stock.rejected"
        event_id = f"{order_id}-release-{sku}"
        return self._reply(held.release_reply, level, event_id, held.release_at, held.quantity, order_id, repeated)

    def _ship(self, order_id: str, sku: str, held: _Held, now: int) -> Reply:
        level = self._level(sku, held.location)
        repeated = held.shipped_at > 0
        if not repeated:
            held.shipped_at = now
            level.on_hand -= held.quantity
            level.reserved -= held.quantity
            self._ledger.record("stock.shipped", order_id, held.quantity)
        event_id = f"{order_id}-ship-{sku}"
        return self._reply("stock.shipped", level, event_id, held.shipped_at, held.quantity, order_id, repeated)

    @staticmethod
    def _reply(
        kind: str, level: Level, event_id: str, at: int, quantity: int, order_id: str | None, repeated: bool = False
    ) -> Reply:
        fields = {
            "sku": level.sku,
            "location": level.location,
            "quantity": quantity,
            "on_hand": level.on_hand,
            "reserved": level.reserved,
            "order_id": order_id,
        }
        return Reply(INVENTORY, level.sku, event_id, kind, at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Restore state from a reply in the log; the last one of a SKU and location has the current levels."""
        if event.sku is None or event.location is None:
            return
        level = self._level(event.sku, event.location)
        level.on_hand, level.reserved = event.on_hand, event.reserved
        if event.event_type == "stock.received":
            level.lot, level.delivered_at = max(LEAST_LOT, event.quantity), event.occurred_at
        if event.order_id is None:
            return
        order = self._orders.get(event.order_id)
        if order is None:
            order = self._orders[event.order_id] = _Order()
        held = order.items.get(event.sku)
        if held is None:
            held = order.items[event.sku] = _Held(event.location, event.quantity)
        if event.event_id.endswith(f"-release-{event.sku}"):
            order.closed = True
            if not held.release_at:
                held.release_at, held.release_reply = event.occurred_at, event.event_type
                if event.event_type == "stock.released":
                    held.reserved = True  # if the reservation is no longer in the log
                    self._ledger.record(event.event_type, event.order_id, event.quantity)
        elif event.event_type == "stock.shipped":
            order.closed = True
            if not held.shipped_at:
                held.reserved, held.shipped_at = True, event.occurred_at
                self._ledger.record(event.event_type, event.order_id, event.quantity)
        elif not held.reserve_at:
            held.reserve_at, held.reserved = event.occurred_at, event.event_type == "stock.reserved"
            if held.reserved:
                self._ledger.record(event.event_type, event.order_id, event.quantity)


def _lines(items: list[Item]) -> dict[str, int]:
    """Units by SKU, which an order may list twice."""
    units: dict[str, int] = {}
    for item in items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return units
