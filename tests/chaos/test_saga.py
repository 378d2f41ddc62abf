"""kill -9 of fulfilment, half of them with its state deleted: every saga ends once, and money and stock add up.

Two replicas are killed five times each while orders arrive: some twice, some declined by the payment or by fraud, some
without stock, with parcels that fail; answers come twice, late, out of order, or never. What is compared: per order and
in total, what moved by the word of the services against what must have moved given how the saga ended, and against the
services' own ledger.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import threading
import time

import pytest

from processors.fulfilment.service import NAME
from streamgauge.catalog.commerce.events import FraudEvent, OrderEvent
from tests.conftest import require_kafka
from tests.support.fulfilment import Audit, order, producing
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
# SAGA_ORDERS=2000 for a short look.
ORDERS, KILLS, PARTITIONS, SLICE = int(os.environ.get("SAGA_ORDERS", "20000")), 10, 4, 60
SERVICES = (
    "services", "--latency-ms", "50", "--decline", "0.1", "--fail", "0.1", "--duplicate", "0.2", "--reorder", "0.3",
    "--lose", "0.03",
)  # fmt: skip
OUT = 'streamgauge_service_events_out_total{topic="fulfilment"}'


def declined(placed: OrderEvent) -> FraudEvent:
    """Fraud's verdict on an order."""
    return FraudEvent(
        event_id=f"{placed.order_id}-declined",
        event_type="fraud.declined",
        occurred_at=int(time.time() * 1_000),
        source="fraud",
        schema_version=1,
        customer_id=placed.customer_id,
        order_id=placed.order_id,
        payment_method=placed.payment_method,
        amount_cents=placed.amount_cents,
        rule="velocity",
        score=1.0,
        detail="planted",
    )


def publish(bootstrap: str, done: threading.Event) -> None:
    """A slice at a time, so that every kill finds orders in every state, until `done` says: the rest at once."""
    dice = random.Random(7)
    late: list[tuple[int, str, str, OrderEvent | FraudEvent]] = []
    for first in range(0, ORDERS, SLICE):
        with producing(bootstrap) as send:
            for number in range(first, min(first + SLICE, ORDERS)):
                placed = order(number, dice)
                send("orders", placed.order_id, placed)
                if dice.random() < 0.1:
                    late.append((number + dice.randrange(600), "orders", placed.order_id, placed))
                if dice.random() < 0.05:
                    verdict = declined(placed)
                    late.append((number + dice.randrange(300), "fraud", placed.customer_id, verdict))
            due = [one for one in late if one[0] < first + SLICE or first + SLICE >= ORDERS]
            late = [one for one in late if one not in due]
            for _place, topic, key, event in due:
                send(topic, key, event)
        if not done.is_set():
            done.wait(0.25)


def at_work(worker: Worker) -> bool:
    """Ready, and it has said something: a kill finds it in the middle of more."""
    return worker.healthy() and worker.metrics().get(OUT, 0) > 0


def restart(rig: Rig, running: list[Worker], slot: int, *, with_state: bool) -> None:
    """Kill -9 and start again; the free slot is taken again, and with it its state."""
    running[slot].kill()
    if not with_state:
        shutil.rmtree(rig.settings.data_dir / "state" / NAME / str(slot))
    running[slot] = rig.start("process", NAME, ready=False)


@pytest.mark.timeout(2_400)
def test_sagas_survive_ten_kills() -> None:
    require_kafka()
    rng, pause = random.Random(20261123), threading.Event()
    with new_rig(
        partitions=PARTITIONS,
        session_timeout_ms=6_000,
        saga_stock_timeout_ms=5_000,
        saga_payment_timeout_ms=5_000,
        saga_shipment_timeout_ms=5_000,
        saga_delivery_timeout_ms=10_000,
        saga_compensation_attempts=200,  # nothing may fail here for want of patience
    ) as rig:
        ledger = rig.folder / "moved.json"
        services = rig.start(*SERVICES, "--ledger", str(ledger))
        running = [rig.start("process", NAME) for _ in range(2)]
        done = threading.Event()
        publisher = threading.Thread(target=publish, args=(rig.kafka.bootstrap, done), daemon=True)
        publisher.start()
        audit = Audit(rig.kafka.bootstrap)
        for number in range(KILLS):
            slot = number % 2
            wait_until(lambda slot=slot: at_work(running[slot]), f"replica {slot} at work", 180)  # type: ignore[misc]
            pause.wait(rng.uniform(0.5, 3.0))
            restart(rig, running, slot, with_state=number % 4 < 2)
            audit.read(0.5)
            sys.stdout.write(f"kill {number + 1}: {len(audit.placed):,} orders placed, {audit.open:,} open\n")
        done.set()
        publisher.join(300)

        def ended() -> bool:
            audit.read(1.0)
            return len(audit.placed) == ORDERS and audit.open == 0

        try:
            wait_until(ended, "every saga ended", 1_200, alive=services.process)
        finally:
            sys.stdout.write(f"{len(audit.placed):,} orders placed, {audit.open:,} open\n")
        audit.read(5.0)  # nothing comes after the end
        how = audit.check()
        sys.stdout.write(f"{dict(how)}, {audit.totals}\n")
        # How many depends on the machine: a slow one times steps out. A fast one completes two thirds.
        assert how["completed"] > 0
        assert how["compensated"] > 0
        assert services.stop() == 0
        assert json.loads(ledger.read_text())["totals"] == audit.totals
        assert [worker.stop() for worker in running] == [0, 0]
        audit.close()
