"""kill -9 of fraud, half of the times with its state deleted: one verdict for each payment, and the right one.

Two replicas are killed five times each while the storefront's payments arrive, planted fraud and refunds among them,
with further attempts and repeated events. The steps of a card and of a customer happen in the order of their topic,
which the kills influence. Given that log, the pure rules determine which evidence each card step must have passed on,
and which events, in which order, `fraud` must hold for each customer: exactly these must be there.
"""

from __future__ import annotations

import random
import time

import pytest

from benchmarks.fraud_quality import traffic
from processors.fraud.memory import Payment
from processors.fraud.rules import Limits
from processors.fraud.service import NAME
from streamgauge.catalog.commerce.events import PaymentEvent
from tests.chaos.kills import Replicas, SlicedPublisher
from tests.support.fraud import Verdicts, differences, request, send
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
KILLS, PARTITIONS, ORDERS = 10, 4, 20_000


def event_of(payment: Payment, attempt: int, shift_ms: int) -> PaymentEvent:
    """The payment's event, shifted so that the traffic ends now."""
    return request(
        payment.order_id,
        payment.customer_id,
        attempt=attempt,
        event_type="payment.refunded" if payment.refunded else "payment.requested",
        event_id=f"{payment.order_id}-{'refund' if payment.refunded else attempt}",
        occurred_at=payment.at + shift_ms,
        **{name: getattr(payment, name) for name in ("method", "amount_cents", "card", "region")},
    )


def messy(payments: list[Payment], rng: random.Random) -> list[PaymentEvent]:
    """The payments' events; some come a second time soon after, as the repeated event or as a further attempt."""
    shift_ms = int(time.time() * 1_000) - payments[-1].at
    placed: list[tuple[float, PaymentEvent]] = []
    for place, payment in enumerate(payments):
        placed.append((place, event_of(payment, 1, shift_ms)))
        if rng.random() < 0.1:
            placed.append((place + rng.uniform(0, 300), event_of(payment, rng.choice((1, 2)), shift_ms)))
    return [event for _, event in sorted(placed, key=lambda entry: entry[0])]


@pytest.mark.timeout(1_500)
def test_verdicts_survive_ten_kills() -> None:
    require_kafka()
    rng = random.Random(20261124)
    with_state = [True, False] * (KILLS // 2)
    rng.shuffle(with_state)
    payments, labels = traffic(5, ORDERS, 200.0, 0.05)
    events = messy(payments, rng)
    orders = {event.order_id for event in events}
    with new_rig(PARTITIONS, session_timeout_ms=6_000, fraud_commit_interval_ms=50) as rig:
        bootstrap = rig.kafka.bootstrap
        replicas = Replicas(rig, NAME, 'streamgauge_service_events_in_total{topic="payments"}')
        sliced = SlicedPublisher(lambda first, end: send(bootstrap, events[first:end]), len(events), 60, every_s=0.2)
        for _ in replicas.kill_in_turn(with_state, sliced, rng, (0.0, 1.5)):
            pass
        sliced.finish()
        verdicts = Verdicts(bootstrap)
        alive = replicas.running[0].process
        wait_until(lambda: verdicts.by_order().keys() >= orders, "a verdict on each", 600, alive=alive)
        assert [worker.stop() for worker in replicas.running] == [0, 0]
        # Both have stopped: nothing more comes.
        published = verdicts.events()
        assert {order: count for order, count in verdicts.by_order().items() if count != 1} == {}
        assert len({event.event_id for event in published}) == len(published)
        verdicts.close()
        assert differences(bootstrap, Limits.of(rig.settings)) == []
        declined = {event.order_id.removeprefix("O-") for event in published if event.event_type == "fraud.declined"}
        assert len(declined & labels.keys()) > len(labels) // 4  # the traffic holds fraud to find
