"""kill -9 of fraud, half of them with its state deleted: one verdict a payment, and the right one.

Two replicas are killed five times each while the storefront's payments arrive, planted fraud and refunds among them,
with further attempts and repeated events. What is compared: the order in which the steps of a card and of a customer
happen is the order of their topic, which the kills decide; given that log, the pure rules say which evidence each card
step must have passed on and which events, in which order, `fraud` must have of each customer. All of it must be there
and nothing else.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from functools import partial

import pytest

from benchmarks.fraud_quality import traffic
from processors.fraud.memory import Payment
from processors.fraud.rules import Limits
from processors.fraud.service import NAME
from streamgauge.catalog.commerce.events import PaymentEvent
from tests.conftest import require_kafka
from tests.support.fraud import Fraud, differences, request, send
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
KILLS, PARTITIONS, ORDERS = 10, 4, 20_000
IN = 'streamgauge_service_events_in_total{topic="payments"}'


def event_of(payment: Payment, attempt: int, shift_ms: int) -> PaymentEvent:
    """The event behind it, moved in time so that the traffic ends now."""
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
    """As they are asked for, some a second time soon after, as an event repeated or as a further attempt."""
    shift_ms = int(time.time() * 1_000) - payments[-1].at
    placed: list[tuple[float, PaymentEvent]] = []
    for place, payment in enumerate(payments):
        placed.append((place, event_of(payment, 1, shift_ms)))
        if rng.random() < 0.1:
            placed.append((place + rng.uniform(0, 300), event_of(payment, rng.choice((1, 2)), shift_ms)))
    return [event for _, event in sorted(placed, key=lambda one: one[0])]


def publish(bootstrap: str, events: list[PaymentEvent], done: threading.Event) -> None:
    """A slice at a time, so that every kill finds some under way, until `done` says: the rest at once."""
    for first in range(0, len(events), 60):
        send(bootstrap, events[first : first + 60])
        if not done.is_set():
            done.wait(0.2)


def at_work(worker: Worker) -> bool:
    """Ready, and it has read: a kill finds it in the middle of something."""
    return worker.healthy() and worker.metrics().get(IN, 0) > 0


def restart(rig: Rig, running: list[Worker], slot: int, *, with_state: bool) -> None:
    """Kill -9 and start again: the slot that the other one does not hold is taken again, and with it its state."""
    running[slot].kill()
    if not with_state:
        shutil.rmtree(rig.settings.data_dir / "state" / NAME / str(slot))
    running[slot] = rig.start("process", NAME, ready=False)


@pytest.mark.timeout(1_500)
def test_verdicts_survive_ten_kills() -> None:
    require_kafka()
    rng = random.Random(20261124)
    with_state = [True, False] * (KILLS // 2)
    rng.shuffle(with_state)
    payments, labels = traffic(5, ORDERS, 200.0, 0.05)
    events = messy(payments, rng)
    orders = {event.order_id for event in events}
    pause, done = threading.Event(), threading.Event()
    with new_rig(PARTITIONS, session_timeout_ms=6_000, fraud_commit_interval_ms=50) as rig:
        bootstrap = rig.kafka.bootstrap
        running = [rig.start("process", NAME), rig.start("process", NAME)]
        sender = threading.Thread(target=publish, args=(bootstrap, events, done), daemon=True)
        sender.start()
        for number in range(KILLS):
            slot = number % 2
            # Both: one that is still starting has no slot yet, and would take the other's.
            for worker in running:
                wait_until(partial(at_work, worker), f"at work; {worker.log}", 180, alive=worker.process)
            pause.wait(rng.uniform(0.0, 1.5))
            restart(rig, running, slot, with_state=with_state[number])
        done.set()
        sender.join(300)
        assert not sender.is_alive()
        fraud = Fraud(bootstrap, PARTITIONS)
        wait_until(lambda: fraud.verdicts().keys() >= orders, "a verdict on each", 600, alive=running[0].process)
        fraud.close()
        assert [worker.stop() for worker in running] == [0, 0]
        # A new reader, which reads to the end: nothing comes any more.
        whole = Fraud(bootstrap, PARTITIONS)
        said = whole.events()
        assert {order: count for order, count in whole.verdicts().items() if count != 1} == {}
        assert len({event.event_id for event in said}) == len(said)
        whole.close()
        assert differences(bootstrap, PARTITIONS, Limits.of(rig.settings)) == []
        declined = {event.order_id.removeprefix("O-") for event in said if event.event_type == "fraud.declined"}
        assert len(declined & labels.keys()) > len(labels) // 4  # the traffic has something to find
