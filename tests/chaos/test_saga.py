"""kill -9 of fulfilment, half of the times with its state deleted: every saga ends once, and money and stock add up.

Two replicas are killed five times each while orders arrive: some twice, some declined by the payment or by fraud, some
without stock, with parcels that fail; responses come twice, late, out of order, or never. For each order and in total,
what the services report as moved is compared with what must have moved given how the saga ended, and with the services'
own ledger.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time

import pytest

from processors.fulfilment.service import NAME
from streamgauge.catalog.commerce.events import FraudEvent, OrderEvent
from tests.chaos.kills import Replicas, SlicedPublisher
from tests.support.fulfilment import Audit, order
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
# SAGA_ORDERS=2000 for a short run.
ORDERS, KILLS, PARTITIONS, SLICE = int(os.environ.get("SAGA_ORDERS", "20000")), 10, 4, 60
SERVICES = (
    "services", "--latency-ms", "50", "--decline", "0.1", "--fail", "0.1", "--duplicate", "0.2", "--reorder", "0.3",
    "--lose", "0.03",
)  # fmt: skip


def declined(placed: OrderEvent) -> FraudEvent:
    """The verdict of fraud that declines an order."""
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


class Publisher:
    """Sends orders by number, some twice, and declines some; a late event comes up to 600 orders after its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap, self._dice = bootstrap, random.Random(7)
        self._late: list[tuple[int, str, str, OrderEvent | FraudEvent]] = []

    def __call__(self, first: int, end: int) -> None:
        """Send the orders from `first` to before `end`, and the late events that are due; after the last, all."""
        with publishing(self._bootstrap, linger_ms=20) as send:
            for number in range(first, end):
                placed = order(number, self._dice)
                send("orders", placed.order_id, placed)
                if self._dice.random() < 0.1:
                    self._late.append((number + self._dice.randrange(600), "orders", placed.order_id, placed))
                if self._dice.random() < 0.05:
                    verdict = declined(placed)
                    self._late.append((number + self._dice.randrange(300), "fraud", placed.customer_id, verdict))
            due = [entry for entry in self._late if entry[0] < end or end == ORDERS]
            self._late = [entry for entry in self._late if entry not in due]
            for _number, topic, key, event in due:
                send(topic, key, event)


@pytest.mark.timeout(2_400)
def test_sagas_survive_ten_kills() -> None:
    require_kafka()
    rng = random.Random(20261123)
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
        replicas = Replicas(rig, NAME, 'streamgauge_service_events_out_total{topic="fulfilment"}')
        sliced = SlicedPublisher(Publisher(rig.kafka.bootstrap), ORDERS, SLICE, every_s=0.4)
        audit = Audit(rig.kafka.bootstrap)
        with_state = [number % 4 < 2 for number in range(KILLS)]
        for number in replicas.kill_in_turn(with_state, sliced, rng, (0.5, 3.0)):
            audit.read()
            sys.stdout.write(f"kill {number}: {len(audit.placed):,} orders placed, {audit.open:,} open\n")
        sliced.finish()

        def ended() -> bool:
            audit.read()
            return len(audit.placed) == ORDERS and audit.open == 0

        try:
            wait_until(ended, "every saga ended", 1_200, alive=services.process, every_s=0.5)
        finally:
            sys.stdout.write(f"{len(audit.placed):,} orders placed, {audit.open:,} open\n")
        threading.Event().wait(5.0)
        audit.read()  # nothing comes after the end
        how = audit.check()
        sys.stdout.write(f"{dict(how)}, {audit.totals}\n")
        # How many depends on the machine: a slow one times steps out. A fast one completes two thirds.
        assert how["completed"] > 0
        assert how["compensated"] > 0
        assert services.stop() == 0
        assert json.loads(ledger.read_text())["totals"] == audit.totals
        assert [worker.stop() for worker in replicas.running] == [0, 0]
        audit.close()
