"""Throughput of attribution over pre-filled topics, with one replica and with two.

    python -m benchmarks.attribution [--events 120000] [--customers 20000]

A quarter of the events are clicks, an eighth are orders with two items; the others are marketing events that are
skipped. Each click or order is read, re-keyed by customer, read again and applied to the state. Time is measured from
when all replicas are ready until all clicks and orders are processed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator

from benchmarks.machine import machine
from processors.attribution.service import NAME
from tests.support.attribution import CAMPAIGNS, HOUR, Publisher, campaign, click, order, product
from tests.support.commerce_events import Event
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

PARTITIONS, SKUS = 6, 600
JUDGED = "streamgauge_attribution_events_total{"
READ = "streamgauge_service_events_in_total{"


def events(count: int, customers: int) -> Iterator[Event]:
    """`count` events within an hour, ordered by time."""
    rng, start = random.Random(1), int(time.time() * 1_000) - HOUR
    names = list(CAMPAIGNS)
    for number in range(count):
        at, customer = start + number * HOUR // count, f"C{rng.randrange(customers):06d}"
        what = number % 8
        if what == 0:
            lines = [(f"SKU-{rng.randrange(SKUS):04d}", 1, 1_999), (f"SKU-{rng.randrange(SKUS):04d}", 2, 999)]
            yield order(f"O{number}", at, customer, lines)
        elif what in (2, 5):
            yield click(f"k{number}", at, customer, rng.choice(names))
        else:
            yield {**click(f"i{number}", at, customer, rng.choice(names)), "event_type": "ad.impression"}


def total(workers: list[Worker], prefix: str) -> float:
    """Sum of the counters with that prefix over all replicas."""
    return sum(value for one in workers for name, value in one.metrics().items() if name.startswith(prefix))


def run(rig: Rig, count: int, customers: int, replicas: int) -> None:
    """Print one row."""
    publisher = Publisher(rig.kafka.bootstrap)
    publisher.send(campaign(name, 0, name) for name in CAMPAIGNS)
    publisher.send(product(f"SKU-{number:04d}", 0, 500) for number in range(SKUS))
    publisher.send(events(count, customers))
    wanted = count // 8 * 3
    workers = [rig.start("process", NAME, ready=False) for _ in range(replicas)]
    wait_until(lambda: all(one.healthy() for one in workers), "every replica is ready")
    first, read, cpu_s, began = total(workers, JUDGED), total(workers, READ), cpu(workers), time.monotonic()
    wait_until(lambda: total(workers, JUDGED) >= wanted, "every click and order is judged", 600, every_s=0.25)
    seconds = time.monotonic() - began
    judged, passed = (wanted - first) / seconds, (total(workers, READ) - read) / seconds
    cores = (cpu(workers) - cpu_s) / seconds
    memory = sum(one.memory_mib() for one in workers)
    print(f"{replicas:8}{passed:14,.0f}{judged:18,.0f}{seconds:9.1f}{cores:8.2f}{memory:11,.0f}", flush=True)


def cpu(workers: list[Worker]) -> float:
    """CPU seconds of all replicas so far."""
    return sum(one.cpu_s() for one in workers)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--customers", type=int, default=20_000)
    # `make bench` passes its options to all benchmarks.
    options, _ = parser.parse_known_args()
    print(f"{machine()}; {options.events:,} events, {options.customers:,} customers, {PARTITIONS} partitions")
    print(f"{'replicas':>8}{'events/s':>14}{'clicks+orders/s':>18}{'s':>9}{'cores':>8}{'MiB':>11}")
    for replicas in (1, 2):
        with new_rig(PARTITIONS) as rig:
            run(rig, options.events, options.customers, replicas)


if __name__ == "__main__":
    main()
