"""Fraud on a real broker: known frauds are declined, and each order gets one verdict, whatever is killed in between."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from processors.fraud.rules import Limits
from streamgauge.catalog.commerce.events import PaymentEvent
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from tests.support.fraud import Verdicts, differences, request, send
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PARTITIONS = 2


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(PARTITIONS, fraud_commit_interval_ms=50, session_timeout_ms=6_000) as rig:
        yield rig


@pytest.fixture(scope="module")
def verdicts(rig: Rig) -> Iterator[Verdicts]:
    reader = Verdicts(rig.kafka.bootstrap)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def replica(rig: Rig) -> list[Worker]:
    """The running replica; the second test replaces it."""
    return [rig.start("process", "fraud")]


def scene(name: str, count: int, **fields: list[Any]) -> list[PaymentEvent]:
    """`count` payments at one moment: in whichever order they are judged, the last is judged after all others."""
    at = int(time.time() * 1_000) - 60_000
    fields = {"customer": [f"C-{name}"] * count, **fields}
    columns = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]
    return [request(f"{name}-{number}", occurred_at=at, **column) for number, column in enumerate(columns)]


def test_known_frauds_are_flagged_and_the_honest_are_not(rig: Rig, replica: list[Worker], verdicts: Verdicts) -> None:
    paid = [
        *scene("testing", 8, card=[f"K-{n}" for n in range(8)]),
        *scene("stolen", 4, card=["K-stolen"] * 4, customer=[f"C-stolen-{n}" for n in range(4)]),
        *scene("hop", 3, method=["wallet"] * 3, region=["eu", "us", "apac"]),
        *(request(f"honest-{method}", f"C-honest-{method}", method=method) for method in PAYMENT_METHODS),
    ]
    # Invalid events neither stop the service nor get a verdict.
    with publishing(rig.kafka.bootstrap) as publish:
        for bad in (b"{", None, b"\xff", b'{"event_type":"payment.requested"}'):
            publish("payments", "O-bad", bad)
    send(rig.kafka.bootstrap, paid)
    orders = {event.order_id for event in paid}
    wait_until(lambda: verdicts.by_order().keys() >= orders, "a verdict on each", alive=replica[0].process)
    published = verdicts.events()
    final = {event.order_id: event for event in published if event.event_type != "fraud.flagged"}
    declined = {order for order, event in final.items() if event.event_type == "fraud.declined"}
    assert final.keys() == orders
    # The fifth card, the third customer and the second region are one too many.
    assert Counter(order.split("-")[1] for order in declined) == {"testing": 4, "stolen": 2, "hop": 2}
    fired = {event.rule for event in published if event.event_type == "fraud.flagged"}
    assert {"customer_cards", "card_customers", "customer_regions", "wallet_travel"} <= fired
    assert final["O-honest-bnpl"].detail == "no rule fired"


# `make chaos` runs this one, and a longer one.
@pytest.mark.chaos
@pytest.mark.long
def test_one_verdict_each_across_kill_9_with_its_state_deleted(
    rig: Rig, replica: list[Worker], verdicts: Verdicts
) -> None:
    """Before, between and after two kills: first attempts, further attempts, the same event twice."""
    first = [request(f"first-{n}", f"C-{n % 7}", method=PAYMENT_METHODS[n % 4]) for n in range(120)]
    later = [request(f"later-{n}", f"C-{n % 7}", method=PAYMENT_METHODS[n % 4]) for n in range(120)]
    again = [request(f"first-{n}", f"C-{n % 7}", method=PAYMENT_METHODS[n % 4], attempt=2) for n in range(120)]
    send(rig.kafka.bootstrap, first)
    replica[0].kill()
    replica[0] = rig.start("process", "fraud", ready=False)
    wait_until(lambda: verdicts.by_order()["O-first-119"] > 0, "the first are judged", alive=replica[0].process)
    send(rig.kafka.bootstrap, again)
    replica[0].kill()
    shutil.rmtree(rig.settings.data_dir / "state" / "fraud")
    replica[0] = rig.start("process", "fraud", ready=False)
    send(rig.kafka.bootstrap, [*later, *later])
    orders = {event.order_id for event in (*first, *later)}
    wait_until(lambda: verdicts.by_order().keys() >= orders, "a verdict on each", alive=replica[0].process)
    assert replica[0].stop() == 0
    # The service has stopped: nothing more comes.
    assert {order: count for order, count in verdicts.by_order().items() if count != 1} == {}
    assert differences(rig.kafka.bootstrap, Limits.of(rig.settings)) == []
