"""The synthetic services on a real broker: requests repeated, and the process killed, restarted and replaced."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.publishing import Send, publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.topic_reader import TopicReader
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
ORDERS = 60


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=2) as rig:
        yield rig


def request(send: Send, topic: str, order: int, event_type: str, **fields: Any) -> None:
    order_id = f"O-{order:03d}"
    event = {"event_id": f"{order_id}-{event_type}", "event_type": event_type, "order_id": order_id, **fields}
    send(topic, order_id, event)


def request_all(send: Send, orders: range) -> None:
    """Request stock, payment and shipment of each; odd orders are compensated."""
    for order in orders:
        pay = {
            "payment_id": f"P-O-{order:03d}",
            "customer_id": "C000001",
            "method": "card",
            "amount_cents": 100 + order,
            "currency": "EUR",
        }
        items = [{"sku": f"SKU-{order % 5}", "quantity": 1 + order % 3}]
        request(send, "fulfilment", order, "saga.started", state="reserving_stock", items=items)
        request(send, "payments", order, "payment.requested", **pay)
        request(send, "shipments", order, "shipment.requested", shipment_id=f"S-O-{order:03d}", carrier="c", region="r")
        if order % 2:
            request(send, "fulfilment", order, "saga.compensating", state="releasing_stock", items=items)
            request(send, "payments", order, "payment.refund_requested", **pay)


def complete(send: Send, orders: range) -> None:
    """Complete the even orders."""
    for order in orders:
        if not order % 2:
            request(send, "fulfilment", order, "saga.completed", state="completed")


def responses(rig: Rig) -> list[dict[str, Any]]:
    """Every response in the topics, in the order of each partition; `request` is the header."""
    found = []
    with closing(TopicReader(rig.kafka.bootstrap, "inventory", "payments", "shipments")) as reader:
        for message in reader.read():
            event = json.loads(message.value() or b"")
            if "requested" not in event["event_type"]:
                headers = dict(message.headers() or [])
                found.append(event | {"request": headers.get("request", b"").decode()})
    return found


def orders_of(found: list[dict[str, Any]], *event_types: str) -> set[str]:
    return {event["order_id"] for event in found if event["event_type"] in event_types}


def all_responded(rig: Rig) -> bool:
    found = responses(rig)
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
    found = responses(rig)
    return orders_of(found, "stock.shipped") == {
        order for order in orders_of(found, "stock.reserved") if not int(order[2:]) % 2
    }


def test_every_decision_is_made_once_despite_repeats_and_kills(rig: Rig) -> None:
    ledger = rig.folder / "services.json"
    command = ("services", "--latency-ms", "100", "--duplicate", "0.1", "--reorder", "0.1", "--fail", "0.2")
    first = rig.start(*command)
    with publishing(rig.kafka.bootstrap) as send:
        request_all(send, range(ORDERS // 2))
    wait_until(
        lambda: first.metrics().get('streamgauge_shop_moved{what="authorised_cents"}', 0) > 0, "the services respond"
    )
    first.kill()
    with publishing(rig.kafka.bootstrap) as send:
        request_all(send, range(ORDERS))  # half of them for the second time
    second = rig.start(*command, "--ledger", str(ledger))
    wait_until(lambda: all_responded(rig), "a response to every request", alive=second.process, every_s=0.5)
    with publishing(rig.kafka.bootstrap) as send:
        complete(send, range(ORDERS))
    wait_until(lambda: all_shipped(rig), "every order shipped", alive=second.process, every_s=0.5)

    third = rig.start(*command, "--ledger", str(ledger))  # it takes over; the second ends by itself
    assert second.process.wait(30) == 1
    assert "another process has joined" in second.log.read_text()
    assert third.stop() == 0
    check(responses(rig), ledger)


def check(found: list[dict[str, Any]], ledger: Path) -> None:
    decided: dict[str, dict[str, Any]] = {}
    moved: dict[str, int] = defaultdict(int)
    levels: dict[tuple[str, str], tuple[int, int]] = {}
    for event in found:
        if "sku" in event:
            assert 0 <= event["reserved"] <= event["on_hand"]
            levels[event["sku"], event["location"]] = event["on_hand"], event["reserved"]
        before = decided.setdefault(event["event_id"], event)
        same = ("event_type", "occurred_at", "quantity", "amount_cents", "reason")
        assert [event.get(name) for name in same] == [before.get(name) for name in same]
        if before is event:
            moved[event["event_type"]] += event.get("quantity", event.get("amount_cents", 0))
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
    # One response names each request; a restart adds none.
    per_request: dict[tuple[str, str], int] = defaultdict(int)
    for event in found:
        if event["request"]:
            per_request[event["request"], event["event_id"]] += 1
    assert set(per_request.values()) == {1}
