"""Throughput of the fulfilment saga, from placed to completed, with one replica and with two.

    python -m benchmarks.fulfilment [--orders 20000]

The replies of a step are published for all orders at once, after the saga has requested all of them, so that the
processor always has a backlog. A step is measured from its first reply to the last saga event. An order has two items:
six events in, nine out, four of which the processor reads again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from benchmarks.machine import machine
from processors.fulfilment.service import NAME
from streamgauge.catalog.commerce.events import InventoryEvent, OrderEvent, OrderItem, PaymentEvent, ShipmentEvent
from tests.support.publishing import publishing
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

PARTITIONS, HOUR_MS, CENTS = 6, 3_600_000, 1_500
OUT = 'streamgauge_service_events_out_total{topic="fulfilment"}'
Send = Callable[[str, str, object], None]


def placed(send: Send, order: str) -> None:
    """Publish the order."""
    items = [OrderItem(f"{order[-2:]}-{article}", 1, CENTS // 2) for article in "ab"]
    event = OrderEvent(
        event_id=f"{order}-placed", event_type="order.placed", occurred_at=_now(), source="bench", schema_version=1,
        order_id=order, customer_id="C", region="eu", channel="web", payment_method="card", currency="EUR",
        amount_cents=CENTS, items=items,
    )  # fmt: skip
    send("orders", order, event)


def reserved(send: Send, order: str) -> None:
    """Reserve both items."""
    for article in "ab":
        sku = f"{order[-2:]}-{article}"
        event = InventoryEvent(
            event_id=f"{order}-{article}", event_type="stock.reserved", occurred_at=_now(), source="bench",
            schema_version=1, sku=sku, location="here", quantity=1, on_hand=9, reserved=9, order_id=order,
        )  # fmt: skip
        send("inventory", sku, event)


def authorised(send: Send, order: str) -> None:
    """Authorise the payment."""
    event = PaymentEvent(
        event_id=f"{order}-authorised", event_type="payment.authorised", occurred_at=_now(), source="bench",
        schema_version=1, payment_id=f"P-{order}", order_id=order, customer_id="C", method="card", amount_cents=CENTS,
        currency="EUR",
    )  # fmt: skip
    send("payments", order, event)


def _shipment(kind: str) -> Callable[[Send, str], None]:
    def say(send: Send, order: str) -> None:
        event = ShipmentEvent(
            event_id=f"{order}-{kind}", event_type=f"shipment.{kind}",  # type: ignore[arg-type]
            occurred_at=_now(), source="bench", schema_version=1, shipment_id=f"S-{order}", order_id=order,
            carrier="x", region="eu",
        )  # fmt: skip
        send("shipments", order, event)

    return say


STEPS: tuple[tuple[str, Callable[[Send, str], None]], ...] = (
    ("placed", placed),
    ("reserved", reserved),
    ("authorised", authorised),
    ("dispatched", _shipment("dispatched")),
    ("delivered", _shipment("delivered")),
)


def _now() -> int:
    return int(time.time() * 1_000)


def saga_events(workers: list[Worker]) -> float:
    """Saga events published by all replicas."""
    return sum(worker.metrics().get(OUT, 0.0) for worker in workers)


def run(rig: Rig, orders: int, replicas: int) -> None:
    """Print one row."""
    workers = [rig.start("process", NAME, ready=False) for _ in range(replicas)]
    wait_until(lambda: all(worker.healthy() for worker in workers), "every replica is ready")
    names = [f"O-{number}" for number in range(orders)]
    cpu_s, durations = sum(worker.cpu_s() for worker in workers), []
    for number, (what, answer) in enumerate(STEPS, 1):
        began = time.monotonic()
        with publishing(rig.kafka.bootstrap, linger_ms=20) as send:
            for order in names:
                answer(send, order)
        expected = number * orders
        wait_until(lambda expected=expected: saga_events(workers) >= expected, f"all are {what}", 900, every_s=0.1)  # type: ignore[misc]
        durations.append(time.monotonic() - began)
    cores = (sum(worker.cpu_s() for worker in workers) - cpu_s) / sum(durations)
    memory = sum(worker.memory_mib() for worker in workers)
    steps = "".join(f"{orders / seconds:>12,.0f}" for seconds in durations)
    sys.stdout.write(f"{replicas:>8}{steps}{orders / sum(durations):>12,.0f}{cores:>8.2f}{memory:>8,.0f}\n")
    sys.stdout.flush()


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20_000)
    # `make bench` passes its options to all benchmarks.
    options, _ = parser.parse_known_args()
    sys.stdout.write(f"{machine()}; {options.orders:,} orders of two articles, {PARTITIONS} partitions; orders/s\n")
    sys.stdout.write(
        f"{'replicas':>8}{''.join(f'{what:>12}' for what, _ in STEPS)}{'in all':>12}{'cores':>8}{'MiB':>8}\n"
    )
    limits = {f"saga_{step}_timeout_ms": HOUR_MS for step in ("stock", "payment", "shipment", "delivery")}
    for replicas in (1, 2):
        with new_rig(PARTITIONS, **limits) as rig:  # type: ignore[arg-type]
            run(rig, options.orders, replicas)


if __name__ == "__main__":
    main()
