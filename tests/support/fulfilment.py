"""Orders for the saga, and what became of them, by the log alone: committed events, read from the beginning."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from processors.fulfilment.saga import ENDED
from streamgauge.catalog.commerce.events import OrderEvent, OrderItem
from tests.support.rig import ordered_producer

TOPICS = ("fulfilment", "orders", "payments", "inventory", "shipments")
METHODS = ("card", "wallet", "bank_transfer", "bnpl")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def order(number: int, dice: random.Random, prefix: str = "O") -> OrderEvent:
    """An order of one to three articles, some of them on two lines."""
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
        payment_method=dice.choice(METHODS),  # type: ignore[arg-type]
        currency="EUR",
        amount_cents=sum(line.quantity * line.unit_price_cents for line in lines),
        items=lines,
    )


@contextmanager
def producing(bootstrap: str) -> Iterator[Callable[[str, str, Any], None]]:
    """A producer that puts keys where all clients look for them; waits for the broker at the end."""
    producer = ordered_producer(bootstrap, partitioner="murmur2_random", linger_ms=20)

    def send(topic: str, key: str, event: Any) -> None:
        value = event if isinstance(event, bytes) else _encode(event)
        while True:
            try:
                producer.produce(topic, value, key)
                producer.poll(0)
                return
            except BufferError:
                producer.poll(0.1)

    yield send
    assert producer.flush(60) == 0


@dataclass
class Ended:
    """What the log says of one order, each event_id counted once, however often it was answered."""

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
    """Follows the topics; `read` takes in what is there."""

    def __init__(self, bootstrap: str) -> None:
        self.orders: dict[str, Ended] = defaultdict(Ended)
        self.placed: dict[str, int] = {}
        self.repeated: list[str] = []
        self.seen: set[str] = set()
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "audit", "enable.auto.commit": False, "log_level": 0}
        )
        found = self._consumer.list_topics(timeout=30).topics
        self._consumer.assign(
            [TopicPartition(topic, number, 0) for topic in TOPICS for number in found[topic].partitions]
        )

    def read(self, for_s: float = 0.2) -> None:
        """Take in what comes within `for_s`."""
        until = time.monotonic() + for_s
        while (left := until - time.monotonic()) > 0:
            for message in self._consumer.consume(2_000, left):
                if message.error() is None and message.value().startswith(b'{"'):
                    self._take(message.topic(), _decode(message.value()))

    def _take(self, topic: str, event: dict[str, Any]) -> None:
        order_id, kind = event.get("order_id"), event["event_type"]
        if order_id is None:
            return
        if kind == "order.placed":
            self.placed[order_id] = event["amount_cents"]
            return
        known, ours = self.orders[order_id], event["source"] == "fulfilment"
        if event["event_id"] in self.seen:
            if ours:
                self.repeated.append(event["event_id"])
            return
        self.seen.add(event["event_id"])
        if topic == "fulfilment":
            known.states.append(f"{event['state']}/{event['attempt']}")
            known.amount = event["amount_cents"]
            if event["state"] in ENDED:
                known.ends.append(event["state"])
        elif topic == "payments" and not ours:
            known.sums[kind] += event["amount_cents"]
        elif topic == "inventory":
            known.sums[kind] += event["quantity"]

    @property
    def open(self) -> int:
        """Orders placed whose saga has not ended, or whose units are still held."""
        return sum(1 for order_id in self.placed if not (known := self.orders[order_id]).ends or known.units != 0)

    def check(self) -> Counter[str]:
        """Every saga ended once, nothing was said twice, money and stock add up. Returns how many ended how."""
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
        """What moved, as the services' ledger names it."""
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
        """Leave."""
        self._consumer.close()
