"""Fraud on a real broker: known frauds are declined, and a verdict comes once, whatever dies in between."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from processors.fraud.rules import Limits
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent
from tests.conftest import require_kafka
from tests.support.fraud import Fraud, differences, request, send
from tests.support.rig import Rig, Worker, new_rig, ordered_producer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PARTITIONS = 2
METHODS = ("card", "wallet", "bank_transfer", "bnpl")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(PARTITIONS, fraud_commit_interval_ms=50, session_timeout_ms=6_000) as rig:
        yield rig


@pytest.fixture(scope="module")
def fraud(rig: Rig) -> Iterator[Fraud]:
    reader = Fraud(rig.kafka.bootstrap, PARTITIONS)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def replica(rig: Rig) -> list[Worker]:
    """The replica that runs; the second test puts another in its place."""
    return [rig.start("process", "fraud")]


def scene(name: str, count: int, **fields: list[Any]) -> list[PaymentEvent]:
    """So many payments, all at one moment: in whichever order they are judged, the last one sees the others."""
    at = int(time.time() * 1_000) - 60_000
    fields = {"customer": [f"C-{name}"] * count, **fields}
    columns = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]
    return [request(f"{name}-{number}", occurred_at=at, **column) for number, column in enumerate(columns)]


def test_known_frauds_are_flagged_and_the_honest_are_not(rig: Rig, replica: list[Worker], fraud: Fraud) -> None:
    paid = [
        *scene("testing", 8, card=[f"K-{n}" for n in range(8)]),
        *scene("stolen", 4, card=["K-stolen"] * 4, customer=[f"C-stolen-{n}" for n in range(4)]),
        *scene("hop", 3, method=["wallet"] * 3, region=["eu", "us", "apac"]),
        *(request(f"honest-{method}", f"C-honest-{method}", method=method) for method in METHODS),
    ]
    # Events that are none, or not ours: they neither stop the service nor have a verdict.
    producer = ordered_producer(rig.kafka.bootstrap)
    for bad in (b"{", None, b"\xff", b'{"event_type":"payment.requested"}'):
        producer.produce("payments", bad, b"O-bad")
    assert producer.flush(30) == 0
    send(rig.kafka.bootstrap, paid)
    orders = {event.order_id for event in paid}
    said: list[FraudEvent] = []

    def all_there() -> bool:
        said[:] = fraud.events()
        return {event.order_id for event in said if event.event_type != "fraud.flagged"} >= orders

    wait_until(all_there, "a verdict on each", alive=replica[0].process)
    verdicts = {event.order_id: event for event in said if event.event_type != "fraud.flagged"}
    declined = {order for order, event in verdicts.items() if event.event_type == "fraud.declined"}
    assert verdicts.keys() == orders
    # The fifth card, the third customer and the second region are one too many.
    assert Counter(order.split("-")[1] for order in declined) == {"testing": 4, "stolen": 2, "hop": 2}
    fired = {event.rule for event in said if event.event_type == "fraud.flagged"}
    assert {"customer_cards", "card_customers", "customer_regions", "wallet_travel"} <= fired
    assert verdicts["O-honest-bnpl"].detail == "no rule fired"


# `make chaos` runs it, and a longer one.
@pytest.mark.chaos
@pytest.mark.long
def test_one_verdict_each_across_kill_9_with_its_state_deleted(rig: Rig, replica: list[Worker], fraud: Fraud) -> None:
    """Before, between and after two kills: first attempts, further attempts, the same event twice."""
    first = [request(f"first-{n}", f"C-{n % 7}", method=METHODS[n % 4]) for n in range(120)]
    later = [request(f"later-{n}", f"C-{n % 7}", method=METHODS[n % 4]) for n in range(120)]
    again = [request(f"first-{n}", f"C-{n % 7}", method=METHODS[n % 4], attempt=2) for n in range(120)]
    send(rig.kafka.bootstrap, first)
    replica[0].kill()
    replica[0] = rig.start("process", "fraud", ready=False)
    wait_until(lambda: fraud.verdicts()["O-first-119"] > 0, "the first are judged", alive=replica[0].process)
    send(rig.kafka.bootstrap, again)
    replica[0].kill()
    shutil.rmtree(rig.settings.data_dir / "state" / "fraud")
    replica[0] = rig.start("process", "fraud", ready=False)
    send(rig.kafka.bootstrap, [*later, *later])
    orders = {event.order_id for event in (*first, *later)}
    wait_until(lambda: fraud.verdicts().keys() >= orders, "a verdict on each", alive=replica[0].process)
    assert replica[0].stop() == 0
    # A new reader, which reads to the end: nothing comes any more.
    whole = Fraud(rig.kafka.bootstrap, PARTITIONS)
    assert {order: count for order, count in whole.verdicts().items() if count != 1} == {}
    whole.close()
    assert differences(rig.kafka.bootstrap, PARTITIONS, Limits.of(rig.settings)) == []
