"""Orders for the saga, and an audit of how they ended, computed from the committed events of the topics alone."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streamgauge.catalog.commerce.events import OrderEvent, OrderItem
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.domain.saga import ENDED
from tests.support.topic_reader import TopicReader

TOPICS = ("fulfilment", "orders", "payments", "inventory", "shipments")
_decode = msgspec.json.Decoder().decode


def order(number: int, dice: random.Random, prefix: str = "O") -> OrderEvent:
    """An order of one to three lines, some of them of the same article."""
    lines = [OrderItem(f"sku-{dice.randrange(40)}", dice.randint(1, 3), 250) for _ in range(dice.randint(1, 3))]
    return OrderEvent(
        event_id=f"{prefix}-{number}-placed",
        event_type="order.placed",
        occurred_at=int(time.time() * 1_000),
        source="test",
        schema_version=1,
        order_id=f"{prefix}-{number}",
        customer_id=f"C{number % 997:06d}",
        region="eu-central",
        channel="web",
        payment_method=dice.choice(PAYMENT_METHODS),
        currency="EUR",
        amount_cents=sum(line.quantity * line.unit_price_cents for line in lines),
        items=lines,
    )


@dataclass
class Outcome:
    """What the topics hold about one order, each event_id counted once, however often it was published."""

    ends: list[str] = field(default_factory=list)
    amount: int = 0
    states: list[str] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)

    @property
    def cents(self) -> int:
        """Money kept."""
        return self.sums["payment.authorised"] - self.sums["payment.refunded"]

    @property
    def units(self) -> int:
        """Units still held."""
        return self.sums["stock.reserved"] - self.sums["stock.released"] - self.sums["stock.shipped"]


class Audit:
    """Follows the topics; `read` adds what has come since the last call."""

    def __init__(self, bootstrap: str) -> None:
        self.orders: dict[str, Outcome] = defaultdict(Outcome)
        self.placed: dict[str, int] = {}
        self.repeated: list[str] = []
        self._event_ids: set[str] = set()
        self._reader = TopicReader(bootstrap, *TOPICS)

    def read(self) -> None:
        """Add the events that there are by now."""
        for message in self._reader.read():
            value = message.value() or b""
            if value.startswith(b'{"'):
                self._add(message.topic() or "", _decode(value))

    def _add(self, topic: str, event: dict[str, Any]) -> None:
        order_id, kind = event.get("order_id"), event["event_type"]
        if order_id is None:
            return
        if kind == "order.placed":
            self.placed[order_id] = event["amount_cents"]
            return
        known, by_saga = self.orders[order_id], event["source"] == "fulfilment"
        if event["event_id"] in self._event_ids:
            if by_saga:
                self.repeated.append(event["event_id"])
            return
        self._event_ids.add(event["event_id"])
        if topic == "fulfilment":
            known.states.append(f"{event['state']}/{event['attempt']}")
            known.amount = event["amount_cents"]
            if event["state"] in ENDED:
                known.ends.append(event["state"])
        elif topic == "payments" and not by_saga:
            known.sums[kind] += event["amount_cents"]
        elif topic == "inventory":
            known.sums[kind] += event["quantity"]

    @property
    def open(self) -> int:
        """Orders placed whose saga has not ended, or whose units are still held."""
        return sum(1 for order_id in self.placed if not (known := self.orders[order_id]).ends or known.units != 0)

    def check(self) -> Counter[str]:
        """Assert that every saga ended once, no event was published twice, and money and stock add up.

        Returns the number of sagas by how they ended.
        """
        assert not self.repeated, f"{len(self.repeated)} events of the saga twice: {self.repeated[:5]}"
        assert set(self.orders) <= set(self.placed)
        for order_id, amount in self.placed.items():
            known = self.orders[order_id]
            assert len(known.ends) == 1, f"{order_id} ended {len(known.ends)} times: {known.states}"
            kept = {"completed": amount, "compensated": 0}
            assert known.ends[0] in kept, f"{order_id} failed: {known.states}"
            assert known.cents == kept[known.ends[0]], f"{order_id}: {known}"
            assert known.units == 0, f"{order_id}: {known}"
            assert known.sums["payment.refunded"] <= known.sums["payment.authorised"] <= amount, f"{order_id}: {known}"
        return Counter(self.orders[order_id].ends[0] for order_id in self.placed)

    @property
    def totals(self) -> dict[str, int]:
        """Money and units moved, under the names of the services' ledger."""
        sums: Counter[str] = Counter()
        for known in self.orders.values():
            sums.update(known.sums)
        return {
            "authorised_cents": sums["payment.authorised"],
            "refunded_cents": sums["payment.refunded"],
            "reserved": sums["stock.reserved"],
            "released": sums["stock.released"],
            "shipped": sums["stock.shipped"],
        }

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
