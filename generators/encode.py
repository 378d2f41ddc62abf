"""Encodes events as JSON: each kind is one f-string around fragments that were rendered once.

`json.dumps` of an order would cost as much as everything else in the generator. All inserted text is ours and needs no
escaping; the tests parse every event and compare it with the catalog's contract.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

# (topic, key, value, event type, occurred_at in ms, dimensions, first measure, second measure, late, state)
#
# The fields after the value repeat its content, so that the ledger need not parse it. Dimensions and measures:
#   orders     (region, channel, payment_method)  units, amount_cents
#   inventory  location                           quantity, 0         state: (on_hand, reserved)
#   marketing  (campaign_id, channel)             cost_cents, 0
#   payments   method                             amount_cents, 0
#   shipments  (carrier, region)                  0, 0
#   campaigns, products                           the key; 0, 0
#   an invalid event has no type; its dimension is the expected reason.
# A plain tuple: a named one takes four times as long to create.
Event: TypeAlias = tuple[str, str, bytes | None, str, int, Any, int, int, bool, tuple[int, int] | None]


class OrderLike(Protocol):
    """The attributes of an order that are encoded."""

    order_id: str
    late_ms: int
    units: int
    amount_cents: int
    segment: tuple[str, str, str]
    method: str
    route: tuple[str, str]
    order_fields: str
    payment_fields: str
    shipment_fields: str


class StockLike(Protocol):
    """The attributes of a stock level that are encoded."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    fragment: str


def reason_field(reason: str) -> str:
    """The optional field `reason` as a JSON fragment."""
    return f',"reason":"{reason}"'


class Writer:
    """Numbers and encodes events, and appends them to `out`, which the shop replaces at every tick.

    `run` is the prefix of the event ids of one run. Times are in ms since the epoch.
    """

    __slots__ = ("_number", "out", "run")

    def __init__(self, run: str) -> None:
        self.run = run
        self.out: list[Event] = []
        self._number = 0

    def next_id(self) -> str:
        """A new event id."""
        self._number = number = self._number + 1
        return f"{self.run}-{number:x}"

    def order(self, kind: str, now: int, order: OrderLike, reason: str = "") -> None:
        """An `order.*` event; `reason` is a fragment."""
        self._number = number = self._number + 1
        late = order.late_ms
        at = now - late
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"storefront","schema_version":1,{order.order_fields}{reason}}}'
        ).encode()
        self.out.append(
            ("orders", order.order_id, value, kind, at, order.segment, order.units, order.amount_cents, late > 0, None)
        )

    def stock(self, kind: str, at: int, stock: StockLike, quantity: int, order_id: str, late: bool) -> None:
        """A `stock.*` event with the resulting stock level; `order_id` is a fragment or empty."""
        self._number = number = self._number + 1
        on_hand, reserved = stock.on_hand, stock.reserved
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"inventory","schema_version":1,{stock.fragment},"quantity":{quantity},'
            f'"on_hand":{on_hand},"reserved":{reserved}{order_id}}}'
        ).encode()
        self.out.append(
            ("inventory", stock.sku, value, kind, at, stock.location, quantity, 0, late, (on_hand, reserved))
        )

    def marketing(
        self,
        kind: str,
        at: int,
        customer_id: str,
        campaign: tuple[str, str],
        cost_cents: int,
        late: bool,
        order_id: str = "",
    ) -> None:
        """A marketing event of a campaign (id, channel); `order_id` is a fragment or empty."""
        self._number = number = self._number + 1
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"marketing","schema_version":1,"campaign_id":"{campaign[0]}","channel":"{campaign[1]}",'
            f'"customer_id":"{customer_id}","cost_cents":{cost_cents}{order_id}}}'
        ).encode()
        self.out.append(("marketing", customer_id, value, kind, at, campaign, cost_cents, 0, late, None))

    def payment(self, kind: str, now: int, order: OrderLike, reason: str = "") -> None:
        """A `payment.*` event; `reason` is a fragment."""
        self._number = number = self._number + 1
        late = order.late_ms
        at = now - late
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"payments","schema_version":1,{order.payment_fields}{reason}}}'
        ).encode()
        self.out.append(
            ("payments", order.order_id, value, kind, at, order.method, order.amount_cents, 0, late > 0, None)
        )

    def shipment(self, kind: str, now: int, order: OrderLike, reason: str = "") -> None:
        """A `shipment.*` event; `reason` is a fragment."""
        self._number = number = self._number + 1
        late = order.late_ms
        at = now - late
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"shipping","schema_version":1,{order.shipment_fields}{reason}}}'
        ).encode()
        self.out.append(("shipments", order.order_id, value, kind, at, order.route, 0, 0, late > 0, None))

    def reference(self, topic: str, key: str, kind: str, at: int, fields: str) -> None:
        """Reference data, valid from `at` on; `fields` is a fragment."""
        self._number = number = self._number + 1
        value = (
            f'{{"event_id":"{self.run}-{number:x}","event_type":"{kind}","occurred_at":{at},'
            f'"source":"storefront","schema_version":1,{fields}}}'
        ).encode()
        self.out.append((topic, key, value, kind, at, key, 0, 0, False, None))
