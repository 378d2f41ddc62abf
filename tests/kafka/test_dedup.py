"""Deduplication on a real broker: each event counts once in every table, though replicas die, start and rebalance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Producer

from streamgauge.warehouse.client import Warehouse
from tests.support.commerce_events import order
from tests.support.figures import events_visible
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka
COUNTED = "SELECT (SELECT coalesce(sum(orders), 0) FROM order_windows) AS windows, count(*) AS rows, "
COUNTED += "count(DISTINCT event_id) AS ids FROM order_events"
TOTALS = "SELECT sum(events) AS events, sum(dead_letters) AS dead, sum(repeated) AS repeated FROM stream_windows "
TOTALS += "WHERE stream = 'orders'"


@dataclass
class Shop:
    """Sends orders by number, any of them repeatedly; in transactions, so that offsets have gaps."""

    rig: Rig
    sent: int = 0
    distinct: set[int] = field(default_factory=set)
    bad: int = 0

    def __post_init__(self) -> None:
        self.producer = Producer({"bootstrap.servers": self.rig.kafka.bootstrap, "transactional.id": "shop"})
        self.producer.init_transactions(30)

    def send(self, numbers: range, *, good: bool = True) -> None:
        self.producer.begin_transaction()
        for number in numbers:
            event = order(f"O-{number}", event_id=f"e-{number}", amount_cents=100 if good else -1)
            self.producer.produce("orders", json.dumps(event).encode(), f"O-{number}".encode())
        self.producer.commit_transaction(30)
        self.sent += len(numbers)
        if good:
            self.distinct.update(numbers)
        else:
            self.bad += len(numbers)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        session_timeout_ms=6_000, commit_interval_ms=100, flush_interval_ms=100, deduplicate="orders=600"
    ) as rig:
        rig.start("warehouse")
        yield rig


def check(rig: Rig, shop: Shop) -> None:
    """Every table agrees: distinct events counted once, every message in `stream_windows`."""
    with Warehouse(rig.settings) as warehouse:
        wait_until(lambda: events_visible(warehouse) == shop.sent, f"{shop.sent} messages counted", 90)
        distinct = len(shop.distinct)
        assert warehouse.query(COUNTED).to_pylist() == [{"windows": distinct, "rows": distinct, "ids": distinct}]
        assert warehouse.query(TOTALS).to_pylist() == [
            {"events": shop.sent, "dead": shop.bad, "repeated": shop.sent - shop.bad - distinct}
        ]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_repeat_counts_once_whichever_replica_counted_the_first(rig: Rig) -> None:
    """Of two replicas one is killed, one joins, one leaves; each restores what the others counted."""
    shop = Shop(rig)
    first = rig.start("process", "analytics")
    shop.send(range(500))
    shop.send(range(400, 600))
    # A dead letter is no repeat, and the corrected event after it counts.
    shop.send(range(600, 610), good=False)
    shop.send(range(600, 610))
    check(rig, shop)

    first.kill()
    second = rig.start("process", "analytics")
    shop.send(range(700))
    check(rig, shop)

    third = rig.start("process", "analytics", ready=False)
    wait_until(lambda: held(third) > 0 and third.healthy(), "the third holds partitions", 60, alive=third.process)
    shop.send(range(800))
    check(rig, shop)

    assert second.stop() == 0
    shop.send(range(850))
    check(rig, shop)
    assert third.metrics()['streamgauge_repeated_events_total{stream="orders"}'] > 0
    assert third.stop() == 0


def held(worker: Worker) -> float:
    """Partitions of orders that a replica holds."""
    return worker.metrics().get('streamgauge_assigned_partitions{stream="orders"}', 0.0)
