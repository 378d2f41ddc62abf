"""Latency from producing an event until it is visible in SQL, at a steady rate, and the CPU share of each process.

    python -m benchmarks.latency [--rate 4000] [--probes 300]

The generator keeps the rate, while single orders are produced and queried until they are visible. Queries come every
10 ms, so figures are at most that much too high.
"""

from __future__ import annotations

import argparse
import random
import time
import uuid

from confluent_kafka import Producer

from benchmarks.machine import machine
from benchmarks.throughput import orders
from streamgauge.warehouse.client import Warehouse
from tests.support.publishing import ordered_producer
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

LOOK_EVERY_S = 0.01


def probe(producer: Producer, warehouse: Warehouse) -> float:
    """Seconds from `produce` until a SELECT returns the order."""
    order_id = f"probe-{uuid.uuid4().hex}"
    (_, template), *_ = orders(1)
    value = template.replace(b"O-000000000", order_id.encode()).replace(b"e000000000000", order_id.encode())
    began = time.perf_counter()
    producer.produce("orders", value, order_id)
    producer.flush(10)
    sql = "SELECT 1 FROM order_events WHERE order_id = ? AND arrived_at > now() - INTERVAL 20 SECOND"
    while not warehouse.query(sql, [order_id]).num_rows:
        if time.perf_counter() - began > 20:
            raise TimeoutError(f"{order_id} is not visible after 20 s")
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter() - began


def measure(rig: Rig, rate: int, probes: int) -> None:
    """Print the table."""
    workers: dict[str, Worker] = {"warehouse": rig.start("warehouse"), "analytics": rig.start("process", "analytics")}
    workers["generate"] = rig.start("generate", "--rate", str(rate))
    producer = ordered_producer(rig.kafka.bootstrap, linger_ms=0)
    rng = random.Random(1)
    with Warehouse(rig.settings) as warehouse:
        wait_until(lambda: warehouse.query("SELECT 1 FROM order_events LIMIT 1").num_rows > 0, "first events visible")
        for _ in range(20):  # Warm: the first queries and merges compile and fill caches.
            probe(producer, warehouse)
        cpu = {name: worker.cpu_s() for name, worker in workers.items()}
        began = time.perf_counter()
        took = []
        for _ in range(probes):
            took.append(probe(producer, warehouse))
            # Not synchronous with any interval of the pipeline.
            time.sleep(rng.uniform(0.0, 0.25))
        elapsed = time.perf_counter() - began
    took.sort()
    print(f"{machine()}; {rate:,} events/s, {probes} probes")
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
        print(f"  {name:10s} {took[min(len(took) - 1, int(share * len(took)))] * 1000:8.0f} ms")
    for name, worker in workers.items():
        print(f"  {name:10s} {(worker.cpu_s() - cpu[name]) / elapsed:8.0%} of a core, {worker.memory_mib():6.0f} MiB")


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=int, default=4_000)
    parser.add_argument("--probes", type=int, default=300)
    options = parser.parse_args()
    with new_rig() as rig:
        measure(rig, options.rate, options.probes)


if __name__ == "__main__":
    main()
