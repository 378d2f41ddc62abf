"""The stock service: units on hand and reserved, per article and location; one decision an item of an order.

| Command (`state` of a fulfilment event) | Item before | Answer |
|---|---|---|
| reserving_stock | unknown | stock.reserved, or stock.rejected where there is too little |
| reserving_stock | decided | the same answer again, with the same event_id |
| reserving_stock | the order is closed | stock.rejected |
| releasing_stock | reserved | stock.released; the order is closed |
| releasing_stock | not reserved | stock.rejected; the order is closed |
| releasing_stock | released before | the same answer again |
| completed | reserved | stock.shipped; the order is closed |

`on_hand` and `reserved` of an answer are the levels when it is published, in a repeated one too, so that the last event
of an article and location always says what there is. 0 ≤ reserved ≤ on_hand, always.
"""

from __future__ import annotations

from collections.abc import Callable

from generators.services.decisions import Behaviour, location_of, not_on_the_shelf
from generators.services.ledger import Moved
from generators.services.messages import INVENTORY, Answer, Event, Item, Remembered

FIRST_LOT, LEAST_LOT, MOST_LOT = 60, 30, 1_000_000
# A delivery that is gone sooner than this is followed by twice as much, one that lasts longer than that by half.
SOON_MS, LONG_MS = 45_000, 600_000
# Somebody orders more when this part of a lot is left.
REORDER_PART = 0.35

Later = Callable[["Level", str], None]


class Level:
    """What one location holds of one article."""

    __slots__ = ("delivered_at", "location", "lot", "on_hand", "ordered", "reserved", "sku")

    def __init__(self, sku: str, location: str) -> None:
        self.sku, self.location = sku, location
        self.on_hand = self.reserved = 0
        self.lot = FIRST_LOT
        self.ordered = False  # whether a delivery is on its way
        self.delivered_at = 0


class _Held:
    """An item of an order: what was decided about it, each with its time."""

    __slots__ = ("location", "quantity", "release_at", "release_said", "reserve_at", "reserved", "shipped_at")

    def __init__(self, location: str, quantity: int) -> None:
        self.location, self.quantity = location, quantity
        self.reserve_at = self.release_at = self.shipped_at = 0
        self.reserved = False
        self.release_said = ""


class _Order:
    __slots__ = ("closed", "items")

    def __init__(self) -> None:
        self.closed = False
        self.items: dict[str, _Held] = {}


class StockService:
    """Decides; publishes nothing itself. `reorder` is told of a level that needs a delivery, and what caused it."""

    def __init__(self, behaviour: Behaviour, moved: Moved, reorder: Later) -> None:
        self._behaviour, self._moved, self._reorder = behaviour, moved, reorder
        self._levels: dict[tuple[str, str], Level] = {}
        self._orders: dict[str, _Order] = Remembered()

    def answer(self, event: Event, now: int) -> list[Answer]:
        """The answers to a command; none to anything else."""
        if event.order_id is None:
            return []
        order = self._orders.get(event.order_id)
        if order is None:
            order = self._orders[event.order_id] = _Order()
        if event.state == "reserving_stock":
            answers = []
            for sku, quantity in _lines(event.items or []).items():
                answers += self._reserve(event.order_id, order, sku, quantity, now)
            return answers
        if event.state == "releasing_stock":
            lines = {sku: held.quantity for sku, held in order.items.items()} | _lines(event.items or [])
            # Closed is what the log shows closed: without an answer a restart would not know of it.
            order.closed |= bool(lines)
            return [self._release(event.order_id, order, sku, quantity, now) for sku, quantity in lines.items()]
        if event.state == "completed":
            shipped = {sku: held for sku, held in order.items.items() if held.reserved and not held.release_at}
            order.closed |= bool(shipped)
            return [self._ship(event.order_id, sku, held, now) for sku, held in shipped.items()]
        return []

    def receive(self, level: Level, cause: str, now: int) -> Answer:
        """A delivery arrives."""
        if level.delivered_at:
            lasted = now - level.delivered_at
            if lasted < SOON_MS:
                level.lot = min(MOST_LOT, level.lot * 2)
            elif lasted > LONG_MS:
                level.lot = max(LEAST_LOT, level.lot // 2)
        level.ordered, level.delivered_at = False, now
        level.on_hand += level.lot
        return self._say("stock.received", level, f"{cause}-received-{level.location}", now, level.lot, None)

    def _level(self, sku: str, location: str) -> Level:
        level = self._levels.get((sku, location))
        if level is None:
            level = self._levels[sku, location] = Level(sku, location)
        return level

    def _reserve(self, order_id: str, order: _Order, sku: str, quantity: int, now: int) -> list[Answer]:
        held, answers = order.items.get(sku), []
        repeated = held is not None and held.reserve_at > 0
        if held is None:
            held = order.items[sku] = _Held(location_of(self._behaviour, order_id), quantity)
        level = self._level(sku, held.location)
        event_id = f"{order_id}-reserve-{sku}"
        if not repeated:
            held.reserve_at = now
            if not level.delivered_at and not level.on_hand:
                answers.append(self.receive(level, event_id, now))
            enough = level.on_hand - level.reserved >= quantity
            if enough and not order.closed and not not_on_the_shelf(self._behaviour, order_id, sku):
                held.reserved = True
                level.reserved += quantity
                self._moved.book("stock.reserved", order_id, quantity)
            if level.on_hand - level.reserved < level.lot * REORDER_PART and not level.ordered:
                level.ordered = True
                self._reorder(level, event_id)
        kind = "stock.reserved" if held.reserved else "stock.rejected"
        answers.append(self._say(kind, level, event_id, held.reserve_at, held.quantity, order_id, repeated))
        return answers

    def _release(self, order_id: str, order: _Order, sku: str, quantity: int, now: int) -> Answer:
        held = order.items.get(sku)
        if held is None:
            held = order.items[sku] = _Held(location_of(self._behaviour, order_id), quantity)
        level = self._level(sku, held.location)
        repeated = held.release_at > 0
        if not repeated:
            held.release_at = now
            if held.reserved and not held.shipped_at:
                held.release_said = "stock.released"
                level.reserved -= held.quantity
                self._moved.book("stock.released", order_id, held.quantity)
            else:
                held.release_said = "stock.rejected"
        event_id = f"{order_id}-release-{sku}"
        return self._say(held.release_said, level, event_id, held.release_at, held.quantity, order_id, repeated)

    def _ship(self, order_id: str, sku: str, held: _Held, now: int) -> Answer:
        level = self._level(sku, held.location)
        repeated = held.shipped_at > 0
        if not repeated:
            held.shipped_at = now
            level.on_hand -= held.quantity
            level.reserved -= held.quantity
            self._moved.book("stock.shipped", order_id, held.quantity)
        event_id = f"{order_id}-ship-{sku}"
        return self._say("stock.shipped", level, event_id, held.shipped_at, held.quantity, order_id, repeated)

    @staticmethod
    def _say(
        kind: str, level: Level, event_id: str, at: int, quantity: int, order_id: str | None, repeated: bool = False
    ) -> Answer:
        fields = {
            "sku": level.sku,
            "location": level.location,
            "quantity": quantity,
            "on_hand": level.on_hand,
            "reserved": level.reserved,
            "order_id": order_id,
        }
        return Answer(INVENTORY, level.sku, event_id, kind, at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Learn from an answer found in the log; the last one of an article and location says what there is."""
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
                held.release_at, held.release_said = event.occurred_at, event.event_type
                if event.event_type == "stock.released":
                    held.reserved = True  # where the log no longer has when
                    self._moved.book(event.event_type, event.order_id, event.quantity)
        elif event.event_type == "stock.shipped":
            order.closed = True
            if not held.shipped_at:
                held.reserved, held.shipped_at = True, event.occurred_at
                self._moved.book(event.event_type, event.order_id, event.quantity)
        elif not held.reserve_at:
            held.reserve_at, held.reserved = event.occurred_at, event.event_type == "stock.reserved"
            if held.reserved:
                self._moved.book(event.event_type, event.order_id, event.quantity)


def _lines(items: list[Item]) -> dict[str, int]:
    """Units by article: an order may name one twice."""
    units: dict[str, int] = {}
    for item in items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return units
