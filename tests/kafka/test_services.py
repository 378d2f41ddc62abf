"""The synthetic services on a real broker: asked twice, killed, started again, and replaced."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.conftest import require_kafka
from tests.support.rig import Rig, new_rig, ordered_producer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
ORDERS = 60


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=2) as rig:
        yield rig


@cache
def producer_of(rig: Rig) -> Producer:
    return ordered_producer(rig.kafka.bootstrap, partitioner="murmur2_random")


def ask(rig: Rig, topic: str, order: int, event_type: str, **fields: Any) -> None:
    order_id = f"O-{order:03d}"
    event = {"event_id": f"{order_id}-{event_type}", "event_type": event_type, "order_id": order_id, **fields}
    producer_of(rig).produce(topic, json.dumps(event), order_id)


def ask_for(rig: Rig, orders: range) -> None:
    """Stock, payment and shipment of each; an odd one is given back, an even one completed."""
    for order in orders:
        pay = {
            "payment_id": f"P-O-{order:03d}",
            "customer_id": "C000001",
            "method": "card",
            "amount_cents": 100 + order,
            "currency": "EUR",
        }
        items = [{"sku": f"SKU-{order % 5}", "quantity": 1 + order % 3}]
        ask(rig, "fulfilment", order, "saga.started", state="reserving_stock", items=items)
        ask(rig, "payments", order, "payment.requested", **pay)
        ask(rig, "shipments", order, "shipment.requested", shipment_id=f"S-O-{order:03d}", carrier="c", region="r")
        if order % 2:
            ask(rig, "fulfilment", order, "saga.compensating", state="releasing_stock", items=items)
            ask(rig, "payments", order, "payment.refund_requested", **pay)
    assert producer_of(rig).flush(30) == 0


def finish(rig: Rig, orders: range) -> None:
    for order in orders:
        if not order % 2:
            ask(rig, "fulfilment", order, "saga.completed", state="completed")
    assert producer_of(rig).flush(30) == 0


def answers(rig: Rig) -> list[dict[str, Any]]:
    """Every answer in the log, in the order of each partition; `request` is the header."""
    consumer = Consumer({"bootstrap.servers": rig.kafka.bootstrap, "group.id": "reader", "enable.partition.eof": True})
    places = [TopicPartition(topic, n, 0) for topic in ("inventory", "payments", "shipments") for n in (0, 1)]
    consumer.assign(places)
    found, left = [], {(place.topic, place.partition) for place in places}
    while left:
        for message in consumer.consume(1_000, 1.0):
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                left.discard((message.topic(), message.partition()))
                continue
            event = json.loads(message.value() or b"")
            if "requested" not in event["event_type"]:
                headers = dict(message.headers() or [])
                found.append(event | {"request": headers.get("request", b"").decode()})
    consumer.close()
    return found


def orders_of(found: list[dict[str, Any]], *event_types: str) -> set[str]:
    return {one["order_id"] for one in found if one["event_type"] in event_types}


def all_answered(rig: Rig) -> bool:
    found = answers(rig)
    wanted = (
        ("payment.authorised", "payment.declined"),
        ("stock.reserved", "stock.rejected"),
        ("shipment.delivered", "shipment.failed"),
    )
    return (
        all(len(orders_of(found, *kinds)) == ORDERS for kinds in wanted)
        and len(orders_of(found, "payment.refunded")) == ORDERS // 2
    )


def all_shipped(rig: Rig) -> bool:
    found = answers(rig)
    return orders_of(found, "stock.shipped") == {
        order for order in orders_of(found, "stock.reserved") if not int(order[2:]) % 2
    }


def test_asked_again_and_killed_every_decision_is_made_once(rig: Rig) -> None:
    ledger = rig.folder / "services.json"
    command = ("services", "--latency-ms", "100", "--duplicate", "0.1", "--reorder", "0.1", "--fail", "0.2")
    first = rig.start(*command)
    ask_for(rig, range(ORDERS // 2))
    wait_until(lambda: first.metrics().get('streamgauge_shop_moved{what="authorised_cents"}', 0) > 0, "it works")
    first.kill()
    ask_for(rig, range(ORDERS))  # half of it for the second time
    second = rig.start(*command, "--ledger", str(ledger))
    wait_until(lambda: all_answered(rig), "all is answered", alive=second.process, every_s=0.5)
    finish(rig, range(ORDERS))
    wait_until(lambda: all_shipped(rig), "all is shipped", alive=second.process, every_s=0.5)

    third = rig.start(*command, "--ledger", str(ledger))  # it takes over; the second one ends by itself
    assert second.process.wait(30) == 1
    assert "another process has joined" in second.log.read_text()
    assert third.stop() == 0
    check(answers(rig), ledger)


def check(found: list[dict[str, Any]], ledger: Path) -> None:
    decided: dict[str, dict[str, Any]] = {}
    moved: dict[str, int] = defaultdict(int)
    levels: dict[tuple[str, str], tuple[int, int]] = {}
    for one in found:
        if "sku" in one:
            assert 0 <= one["reserved"] <= one["on_hand"]
            levels[one["sku"], one["location"]] = one["on_hand"], one["reserved"]
        before = decided.setdefault(one["event_id"], one)
        same = ("event_type", "occurred_at", "quantity", "amount_cents", "reason")
        assert [one.get(name) for name in same] == [before.get(name) for name in same]
        if before is one:
            moved[one["event_type"]] += one.get("quantity", one.get("amount_cents", 0))
    totals = json.loads(ledger.read_text())["totals"]
    assert totals == {
        "authorised_cents": moved["payment.authorised"],
        "refunded_cents": moved["payment.refunded"],
        "reserved": moved["stock.reserved"],
        "released": moved["stock.released"],
        "shipped": moved["stock.shipped"],
    }
    assert moved["stock.reserved"] == moved["stock.released"] + moved["stock.shipped"] > 0
    assert sum(reserved for _, reserved in levels.values()) == 0
    on_hand = moved["stock.received"] - moved["stock.shipped"]
    assert sum(there for there, _ in levels.values()) == on_hand
    # Each attempt is answered once, or twice where it was asked for; a restart adds nothing.
    per_request: dict[tuple[str, str], int] = defaultdict(int)
    for one in found:
        if one["request"]:
            per_request[one["request"], one["event_id"]] += 1
    assert set(per_request.values()) == {1}
