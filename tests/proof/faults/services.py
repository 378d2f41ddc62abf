"""kill -9 and SIGSTOP of the stateful services: fulfilment, fraud, attribution."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import partial

from processors.attribution.service import NAME as ATTRIBUTION
from processors.fraud.rules import Limits
from processors.fraud.service import NAME as FRAUD
from processors.fulfilment.service import NAME as FULFILMENT
from tests.chaos.kills import Replicas, SlicedPublisher
from tests.proof.faults.stopped import stop_and_continue
from tests.proof.injection import Record, injection
from tests.proof.words import last_words
from tests.support import attribution as marketing
from tests.support.fraud import Verdicts, differences, request, send
from tests.support.fulfilment import Audit, order
from tests.support.publishing import publishing
from tests.support.rig import Rig, new_rig
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

KILLS, PARTITIONS, SEED = 6, 4, 20261130
ORDERS, PAYMENTS, EVENTS = 1_500, 6_000, 12_000
SERVICES = ("--latency-ms", "50", "--decline", "0.1", "--fail", "0.1", "--duplicate", "0.2", "--reorder", "0.3")


def _kill(record: Record, _rig: Rig, replicas: Replicas, traffic: SlicedPublisher) -> None:
    """Kill one of two and start it again, half of the times with its state deleted."""
    rng = random.Random(SEED)
    with_state = [number % 4 < 2 for number in range(KILLS)]
    for number in replicas.kill_in_turn(with_state, traffic, rng, (0.0, 1.5)):
        record.injected("with its state" if with_state[number - 1] else "state deleted")
        worker = replicas.running[(number - 1) % 2]
        with record.coming_back():
            wait_until(worker.healthy, "ready again", 180, alive=worker.process)


def _stop(record: Record, rig: Rig, replicas: Replicas, _traffic: SlicedPublisher) -> None:
    """Stop one of two past its session (6 s) and transaction (10 s), and let it go on."""
    for number, seconds in enumerate((8, 15, 25, 15)):
        worker = replicas.running[number % 2]
        wait_until(worker.healthy, "ready", 180, alive=worker.process)
        stop_and_continue(record, worker.process.pid, seconds)
        since = int(time.time() * 1_000)
        with record.coming_back():
            wait_until(lambda since=since: _advanced(rig, since) == PARTITIONS, "sagas advance in every partition", 180)  # type: ignore[misc]


def _advanced(rig: Rig, since: int) -> int:
    """Partitions of `fulfilment` with a committed event that is newer than a time, in ms."""
    messages = read_topic(rig.kafka.bootstrap, FULFILMENT)
    return len({message.partition() for message in messages if message.timestamp()[1] > since})


Fault = Callable[[Record, Rig, Replicas, SlicedPublisher], None]


def _publish_orders(rig: Rig, first: int, end: int) -> None:
    dice = random.Random(first)
    with publishing(rig.kafka.bootstrap, linger_ms=20) as publish:
        for number in range(first, end):
            placed = order(number, dice)
            for _ in range(2 if dice.random() < 0.1 else 1):
                publish("orders", placed.order_id, placed)


def _sagas(record: Record, fault: Fault, every_s: float) -> None:
    """Every saga ends once, nothing is published twice, and money and stock equal the services' own ledger.

    Fifteen orders come every `every_s` seconds.
    """
    with new_rig(
        PARTITIONS,
        session_timeout_ms=6_000,
        saga_stock_timeout_ms=5_000,
        saga_payment_timeout_ms=5_000,
        saga_shipment_timeout_ms=5_000,
        saga_delivery_timeout_ms=10_000,
        saga_compensation_attempts=200,
    ) as rig:
        ledger = rig.folder / "moved.json"
        services = rig.start("services", *SERVICES, "--lose", "0.03", "--ledger", str(ledger))
        replicas = Replicas(rig, FULFILMENT, 'streamgauge_service_events_out_total{topic="fulfilment"}')
        traffic = SlicedPublisher(partial(_publish_orders, rig), ORDERS, 15, every_s)
        fault(record, rig, replicas, traffic)
        traffic.finish()
        audit = Audit(rig.kafka.bootstrap)

        def ended() -> bool:
            audit.read()
            return len(audit.placed) == ORDERS and audit.open == 0

        try:
            wait_until(ended, "every saga ended", 300, alive=services.process, every_s=0.5)
        except AssertionError:
            _report(record, rig, audit)
            raise
        time.sleep(3.0)
        audit.read()  # nothing comes after the end
        record.repeated += len(audit.repeated) + sum(len(one.ends) > 1 for one in audit.orders.values())
        how = audit.check()
        record.require(services.stop() == 0, "the services did not stop cleanly")
        totals = json.loads(ledger.read_text())["totals"]
        record.require(totals == audit.totals, f"moved {totals}, the topics say {audit.totals}")
        record.note(f"{ORDERS:,} orders, {how['completed']:,} completed, {how['compensated']:,} compensated")
        audit.close()


def _report(record: Record, rig: Rig, audit: Audit) -> None:
    """What is known of sagas that did not end, and the last words of each process."""
    record.report(f"{len(audit.placed)} placed, {audit.open} open")
    for order_id in [one for one in audit.placed if not audit.orders[one].ends][:5]:
        record.report(f"{order_id}: {audit.orders[order_id]}")
    for worker in rig.workers:
        record.report(f"{' '.join(worker.command[:2])} ({worker.process.poll()}): {last_words(worker, 6)}")


@injection(
    "kill-fulfilment", "kill -9 of fulfilment, one of two, half of the times with its state deleted", limit_s=600
)
def kill_fulfilment(record: Record) -> None:
    """While orders arrive, and answers of the services come twice, late, out of order or never."""
    _sagas(record, _kill, 0.4)


@injection("stop-fulfilment", "Fulfilment, one of two, stopped for 8 to 25 s", limit_s=600)
def stop_fulfilment(record: Record) -> None:
    """Its transactions and its place in the group are gone when it goes on."""
    _sagas(record, _stop, 1.0)


@injection("kill-fraud", "kill -9 of fraud, one of two, half of the times with its state deleted", limit_s=600)
def kill_fraud(record: Record) -> None:
    """One verdict a payment, and the one that the pure rules give for the logged steps."""
    rng = random.Random(SEED)
    payments = [
        request(
            str(number),
            f"C-{rng.randrange(300)}",
            amount_cents=rng.randrange(1_000, 60_000),
            card=f"K-{rng.randrange(320)}",
        )
        for number in range(PAYMENTS)
    ]
    with new_rig(PARTITIONS, session_timeout_ms=6_000, fraud_commit_interval_ms=50) as rig:
        bootstrap = rig.kafka.bootstrap
        replicas = Replicas(rig, FRAUD, 'streamgauge_service_events_in_total{topic="payments"}')
        traffic = SlicedPublisher(lambda first, end: send(bootstrap, payments[first:end]), PAYMENTS, 60, every_s=0.4)
        _kill(record, rig, replicas, traffic)
        traffic.finish()
        verdicts, orders = Verdicts(bootstrap), {event.order_id for event in payments}
        wait_until(lambda: verdicts.by_order().keys() >= orders, "a verdict on each", 300)
        record.require([worker.stop() for worker in replicas.running] == [0, 0], "a replica did not stop cleanly")
        counts = verdicts.by_order()
        record.lost += len(orders - counts.keys())
        record.repeated += sum(counts.values()) - len(counts)
        verdicts.close()
        for line in differences(bootstrap, Limits.of(rig.settings)):
            record.require(False, line)
        record.note(f"{PAYMENTS:,} payments")


@injection(
    "kill-attribution", "kill -9 of attribution, one of two, half of the times with its state deleted", limit_s=600
)
def kill_attribution(record: Record) -> None:
    """Credits less reversals equal an independent computation, while events come out of order and twice."""
    start = int(time.time() * 1_000) - 2 * marketing.HOUR
    known, events = marketing.reference(start), marketing.traffic(start, customers=500, count=EVENTS)
    arriving = marketing.shaken(events)
    with new_rig(
        PARTITIONS, attribution_window_hours=1, session_timeout_ms=6_000, service_commit_interval_ms=50
    ) as rig:
        publisher = marketing.Publisher(rig.kafka.bootstrap)
        publisher.send(known)
        replicas = Replicas(rig, ATTRIBUTION, 'streamgauge_service_events_in_total{topic="orders"}')
        traffic = SlicedPublisher(
            lambda first, end: publisher.send(arriving[first:end]), len(arriving), size=100, every_s=0.4
        )
        _kill(record, rig, replicas, traffic)
        traffic.finish()
        right, credits = marketing.expected(events, known, marketing.HOUR), marketing.Credits(rig.kafka.bootstrap)
        # Raises where something was published twice or an order has two credits at a time.
        wait_until(lambda: len(credits.read()) > 0 and credits.standing() == right, "every credit", 240)
        credits.close()
        record.note(f"{len(events):,} events, {len(right):,} credits")
